//! Invites that need no table of their own.
//!
//! An invite is dated and has a MAC; whoever holds the key file can make one without the store. Each
//! of its N uses is a name under a keyed hash, claimed first-come by an account like a username:
//! counted exactly, and idempotent for the account that holds one.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use subtle::ConstantTimeEq;
use thiserror::Error;
use xchat_crypto::derive;
use xchat_ports::directory_store::NameHash;
use xchat_types::{AccountId, Millis};

/// Uses of one invite: each is looked at in turn when somebody signs up.
pub(crate) const MAX_USES: u16 = 100;

const CLEAR_LEN: usize = 18;

/// Why an invite does not count. Speaks after "The invite was refused:".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InviteError {
    #[error("it is not one of this server's; check that it was copied whole")]
    Forged,
    #[error("it has expired; ask for a new one")]
    Expired,
    #[error("it has been used up; ask for a new one")]
    UsedUp,
    #[error("an invite has 1 to {MAX_USES} uses")]
    Uses,
}

/// Layout, 34 bytes: id 8 ‖ uses u16 ‖ expires at in ms u64 ‖ first 16 bytes of a keyed hash over
/// them; base64url without padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Invite {
    pub(crate) id: [u8; 8],
    pub(crate) uses: u16,
    pub(crate) expires_at: Millis,
}

impl Invite {
    pub(crate) fn seal(&self, key: &[u8; 32]) -> String {
        let clear = self.clear();
        let tag = tag(key, &clear);
        URL_SAFE_NO_PAD.encode([clear.as_slice(), &tag].concat())
    }

    pub(crate) fn open(key: &[u8; 32], text: &str, now: Millis) -> Result<Self, InviteError> {
        let bytes = URL_SAFE_NO_PAD
            .decode(text.trim())
            .map_err(|_| InviteError::Forged)?;
        let (clear, given) = bytes
            .split_at_checked(CLEAR_LEN)
            .ok_or(InviteError::Forged)?;
        let genuine: bool = tag(key, clear).as_slice().ct_eq(given).into();
        let invite = Self::read(clear).filter(|_| genuine);
        let invite = invite.ok_or(InviteError::Forged)?;
        if invite.expires_at <= now {
            return Err(InviteError::Expired);
        }
        Ok(invite)
    }

    fn clear(&self) -> Vec<u8> {
        [
            self.id.as_slice(),
            &self.uses.to_be_bytes(),
            &self.expires_at.0.to_be_bytes(),
        ]
        .concat()
    }

    fn read(clear: &[u8]) -> Option<Self> {
        let (id, rest) = clear.split_first_chunk()?;
        let (uses, rest) = rest.split_first_chunk()?;
        Some(Self {
            id: *id,
            uses: u16::from_be_bytes(*uses),
            expires_at: Millis(u64::from_be_bytes(rest.try_into().ok()?)),
        })
    }

    /// The uses in the order in which this account tries them. A use is never given back, so an
    /// account that has one meets it before any that is free.
    pub(crate) fn attempts(
        &self,
        key: &[u8; 32],
        account: &AccountId,
    ) -> impl Iterator<Item = NameHash> + use<> {
        let (id, uses, key) = (self.id, self.uses.max(1), *key);
        let [a, b, ..] = *account.as_bytes();
        let start = u16::from_be_bytes([a, b]) % uses;
        (0..uses).map(move |step| {
            let number = (u32::from(start) + u32::from(step)) % u32::from(uses);
            let data = [id.as_slice(), &number.to_be_bytes()].concat();
            NameHash(derive::keyed_hash(&key, "xchat-invite-use-v1", &data))
        })
    }
}

fn tag(key: &[u8; 32], clear: &[u8]) -> Vec<u8> {
    let hash = derive::keyed_hash(key, "xchat-invite-v1", clear);
    hash.into_iter().take(16).collect()
}

#[cfg(test)]
mod tests;
