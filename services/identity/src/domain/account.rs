//! The account's row, and how its username changes.

use bytes::Bytes;
use xchat_crypto::PublicKey;
use xchat_ports::directory_store::NameHash;
use xchat_proto::{Message, events::AccountRow};
use xchat_types::Millis;

use crate::error::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) root: PublicKey,
    pub(crate) created_at: Millis,
    pub(crate) name: Option<NameHash>,
    /// A former name whose quarantine may not have begun: kept until it has, so that a crash in
    /// between leaves no name that nobody can ever use.
    pub(crate) retiring: Option<NameHash>,
}

/// The next step towards a name; repeated until nothing is left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rename {
    /// Release this first; doing so again is harmless.
    pub(crate) release: Option<NameHash>,
    /// Then store this.
    pub(crate) next: Account,
}

impl Account {
    /// `None`: the account has the name, and no other one waits for its release. The caller holds
    /// the claim on `name`.
    pub(crate) fn rename(self, name: NameHash) -> Option<Rename> {
        let release = self.retiring.filter(|old| *old != name);
        let former = self.name.filter(|old| *old != name);
        if self.name == Some(name) && self.retiring.is_none() {
            return None;
        }
        Some(Rename {
            release,
            next: Self {
                name: Some(name),
                retiring: former,
                ..self
            },
        })
    }

    pub(crate) fn to_row(self) -> Bytes {
        let optional = |name: Option<NameHash>| {
            name.map_or_else(Bytes::new, |name| Bytes::copy_from_slice(&name.0))
        };
        AccountRow {
            root_public_key: Bytes::copy_from_slice(self.root.as_bytes()),
            created_at_ms: self.created_at.0,
            name_hash: optional(self.name),
            retiring_name_hash: optional(self.retiring),
        }
        .encode_to_vec()
        .into()
    }

    pub(crate) fn from_row(bytes: &[u8]) -> Result<Self, Error> {
        let row = AccountRow::decode(bytes).map_err(|_| Error::Corrupt("account"))?;
        let root = PublicKey::try_from(row.root_public_key.as_ref());
        Ok(Self {
            root: root.map_err(|_| Error::Corrupt("root key"))?,
            created_at: Millis(row.created_at_ms),
            name: name(&row.name_hash)?,
            retiring: name(&row.retiring_name_hash)?,
        })
    }
}

fn name(bytes: &Bytes) -> Result<Option<NameHash>, Error> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let hash = bytes.as_ref().try_into();
    hash.map(|hash| Some(NameHash(hash)))
        .map_err(|_| Error::Corrupt("name hash"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: NameHash = NameHash([1; 32]);
    const B: NameHash = NameHash([2; 32]);

    fn account(name: Option<NameHash>, retiring: Option<NameHash>) -> Account {
        Account {
            root: PublicKey::new([3; 32]),
            created_at: Millis(5),
            name,
            retiring,
        }
    }

    /// What was released on the way, and where the account ended.
    fn renamed(mut account: Account, name: NameHash) -> (Vec<NameHash>, Account) {
        let mut released = Vec::new();
        for _ in 0..4 {
            let Some(step) = account.rename(name) else {
                return (released, account);
            };
            released.extend(step.release);
            account = step.next;
        }
        panic!("no end");
    }

    #[test]
    fn a_change_of_name_releases_the_former_one_also_after_a_crash() {
        let done = account(Some(B), None);
        assert_eq!(renamed(account(None, None), B), (vec![], done));
        assert_eq!(renamed(account(Some(A), None), B), (vec![A], done));
        assert_eq!(renamed(account(Some(B), Some(A)), B), (vec![A], done));
        assert_eq!(renamed(account(Some(B), None), B), (vec![], done));
    }

    #[test]
    fn going_back_to_a_name_that_was_not_released_yet_keeps_it() {
        let (released, end) = renamed(account(Some(B), Some(A)), A);
        assert_eq!(released, [B]);
        assert_eq!(end, account(Some(A), None));
    }

    #[test]
    fn a_row_survives_storage_and_garbage_is_an_error() {
        for account in [account(None, None), account(Some(A), Some(B))] {
            assert_eq!(Account::from_row(&account.to_row()).ok(), Some(account));
        }
        assert!(Account::from_row(b"\xff").is_err());
        assert!(Account::from_row(b"").is_err(), "a key of no bytes");
    }
}
