//! Roles, what plain members may do, and the timer.

use std::collections::BTreeMap;

use xchat_types::{AccountId, limits};

use super::ExtensionError;
use crate::canonical::{NotCanonical, Reader, Writer};

/// Ordered: a higher role may do all that a lower one may. The numbers are signed: append-only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Role {
    #[default]
    Member = 1,
    Admin = 2,
    Owner = 3,
}

impl Role {
    const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Member,
            2 => Self::Admin,
            3 => Self::Owner,
            _ => return None,
        })
    }
}

/// What accounts with the role of a member may do; admins and owners may always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Permissions {
    /// Add further accounts.
    pub add: bool,
    /// Change the timer.
    pub timer: bool,
}

/// When a message's clock starts. The numbers are signed: append-only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum TimerMode {
    /// Messages carry no timer of the group's.
    #[default]
    Off = 0,
    /// At its accepted time.
    Send = 1,
    /// At its first display.
    Read = 2,
}

/// The disappearing timer. `version` grows by one with each change, so that devices can tell an
/// old setting from a new one that is equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Timer {
    pub mode: TimerMode,
    pub seconds: u32,
    pub version: u32,
}

impl Timer {
    /// The setting that may follow this one.
    pub const fn changed_to(self, mode: TimerMode, seconds: u32) -> Self {
        Self {
            mode,
            seconds,
            version: self.version.saturating_add(1),
        }
    }
}

/// Canonical encoding: `[1, default role, [[account, role], …], add, timer, [mode, seconds,
/// version]]`, accounts in ascending order, without those that have the default role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Accounts whose role is not the default one.
    pub roles: BTreeMap<AccountId, Role>,
    pub default_role: Role,
    pub members_may: Permissions,
    pub timer: Timer,
}

const LAYOUT: u64 = 1;

impl Policy {
    pub fn role(&self, account: &AccountId) -> Role {
        self.roles
            .get(account)
            .copied()
            .unwrap_or(self.default_role)
    }

    /// Gives an account a role; the default one is not written down.
    pub fn set_role(&mut self, account: AccountId, role: Role) {
        if role == self.default_role {
            self.roles.remove(&account);
        } else {
            self.roles.insert(account, role);
        }
    }

    pub(crate) fn may_add(&self, account: &AccountId) -> bool {
        self.members_may.add || self.role(account) >= Role::Admin
    }

    pub(crate) fn may_set_timer(&self, account: &AccountId) -> bool {
        self.members_may.timer || self.role(account) >= Role::Admin
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let named = || {
            self.roles
                .iter()
                .filter(|(_, role)| **role != self.default_role)
        };
        let mut writer = Writer::default();
        writer.array(6).uint(LAYOUT).uint(self.default_role as u64);
        writer.array(named().count());
        for (account, role) in named() {
            writer.array(2).bytes(account.as_bytes()).uint(*role as u64);
        }
        writer
            .bool(self.members_may.add)
            .bool(self.members_may.timer);
        writer.array(3).uint(self.timer.mode as u64);
        writer
            .uint(self.timer.seconds.into())
            .uint(self.timer.version.into());
        writer.into_bytes()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, ExtensionError> {
        let mut reader = Reader::new(bytes);
        reader.tuple(6)?;
        reader.key(LAYOUT)?;
        let default_role = read_role(&mut reader)?;
        let roles = read_roles(&mut reader, default_role)?;
        let members_may = Permissions {
            add: reader.bool()?,
            timer: reader.bool()?,
        };
        let timer = read_timer(&mut reader)?;
        reader.finish()?;
        Ok(Self {
            roles,
            default_role,
            members_may,
            timer,
        })
    }
}

fn read_role(reader: &mut Reader<'_>) -> Result<Role, NotCanonical> {
    Role::from_number(reader.number()?).ok_or(NotCanonical)
}

fn read_roles(
    reader: &mut Reader<'_>,
    default_role: Role,
) -> Result<BTreeMap<AccountId, Role>, ExtensionError> {
    let accounts = reader.array()?;
    if accounts > limits::MAX_LEAVES {
        return Err(ExtensionError::TooManyRoles);
    }
    let mut roles = BTreeMap::new();
    for _ in 0..accounts {
        reader.tuple(2)?;
        let account: AccountId = reader.fixed()?;
        let role = read_role(reader)?;
        let ascending = roles
            .last_key_value()
            .is_none_or(|(last, _)| *last < account);
        if !ascending || role == default_role {
            return Err(NotCanonical.into());
        }
        roles.insert(account, role);
    }
    Ok(roles)
}

fn read_timer(reader: &mut Reader<'_>) -> Result<Timer, NotCanonical> {
    reader.tuple(3)?;
    let mode = match reader.uint()? {
        0 => TimerMode::Off,
        1 => TimerMode::Send,
        2 => TimerMode::Read,
        _ => return Err(NotCanonical),
    };
    Ok(Timer {
        mode,
        seconds: reader.number()?,
        version: reader.number()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Policy {
        Policy {
            roles: [
                (AccountId::new([2; 32]), Role::Owner),
                (AccountId::new([1; 32]), Role::Admin),
            ]
            .into(),
            default_role: Role::Member,
            members_may: Permissions {
                add: true,
                timer: false,
            },
            timer: Timer::default().changed_to(TimerMode::Read, 86_400),
        }
    }

    #[test]
    fn a_policy_survives_its_encoding_and_every_flipped_bit_is_noticed() {
        let bytes = policy().to_bytes();
        assert_eq!(Policy::from_bytes(&bytes), Ok(policy()));
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                assert_ne!(Policy::from_bytes(&flipped), Ok(policy()));
                if let Ok(other) = Policy::from_bytes(&flipped) {
                    assert_eq!(other.to_bytes(), flipped, "two encodings of one policy");
                }
            }
            assert!(Policy::from_bytes(&bytes[..at]).is_err());
        }
    }

    #[test]
    fn a_role_that_is_the_default_is_not_written_down() {
        let mut policy = policy();
        policy.roles.insert(AccountId::new([9; 32]), Role::Member);
        let read = Policy::from_bytes(&policy.to_bytes()).unwrap();
        assert!(!read.roles.contains_key(&AccountId::new([9; 32])));
        assert_eq!(read.role(&AccountId::new([9; 32])), Role::Member);
    }
}
