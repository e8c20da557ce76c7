//! The two accounts of a 1:1 conversation.

use thiserror::Error;
use xchat_types::AccountId;

use crate::canonical::{NotCanonical, Reader, Writer};

/// A pair in ascending order; never changes. Canonical encoding: `[lower, higher]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Direct {
    lower: AccountId,
    higher: AccountId,
}

/// A 1:1 conversation needs two accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("both accounts are the same")]
pub struct SameAccount;

impl Direct {
    pub fn between(one: AccountId, other: AccountId) -> Result<Self, SameAccount> {
        if one == other {
            return Err(SameAccount);
        }
        Ok(Self {
            lower: one.min(other),
            higher: one.max(other),
        })
    }

    pub const fn accounts(&self) -> [AccountId; 2] {
        [self.lower, self.higher]
    }

    pub fn contains(&self, account: &AccountId) -> bool {
        self.accounts().contains(account)
    }

    /// The other one; `None` if `account` is neither.
    pub fn peer_of(&self, account: &AccountId) -> Option<AccountId> {
        if *account == self.lower {
            Some(self.higher)
        } else if *account == self.higher {
            Some(self.lower)
        } else {
            None
        }
    }

    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.array(2);
        writer
            .bytes(self.lower.as_bytes())
            .bytes(self.higher.as_bytes());
        writer.into_bytes()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, NotCanonical> {
        let mut reader = Reader::new(bytes);
        reader.tuple(2)?;
        let lower: AccountId = reader.fixed()?;
        let higher = reader.fixed()?;
        reader.finish()?;
        if lower < higher {
            Ok(Self { lower, higher })
        } else {
            Err(NotCanonical)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_two_accounts_makes_no_difference() {
        let [a, b] = [AccountId::new([1; 32]), AccountId::new([2; 32])];
        let direct = Direct::between(b, a).unwrap();
        assert_eq!(Direct::between(a, b), Ok(direct));
        assert_eq!(direct.peer_of(&a), Some(b));
        assert_eq!(direct.peer_of(&AccountId::new([3; 32])), None);
        assert_eq!(Direct::from_bytes(&direct.to_bytes()), Ok(direct));
        assert_eq!(Direct::between(a, a), Err(SameAccount));
        let swapped = Direct {
            lower: b,
            higher: a,
        };
        assert_eq!(Direct::from_bytes(&swapped.to_bytes()), Err(NotCanonical));
    }
}
