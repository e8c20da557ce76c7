//! What the host stores for the engine: rows, changed by batches.
//!
//! The engine knows no store. A host keeps rows under a key whose id part it hides (a keyed hash)
//! and whose order it leaves in clear, so that history pages in order, and seals the values
//! (protocol, "Client store key"). A batch is one durable transaction.

mod codec;
#[cfg(test)]
mod golden;
mod history;

use thiserror::Error;
use xchat_types::ConversationId;
use zeroize::Zeroizing;

pub use codec::RowError;
pub(crate) use codec::{blob, decode, encode};
pub use history::HistoryRow;

/// To whom a row belongs, and when it is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Loaded when the engine is opened.
    Device,
    /// Loaded when the engine asks for the conversation; its history never.
    Conversation(ConversationId),
}

/// What a row is. The numbers are stored: append-only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Table {
    /// Keys and certificate of this device.
    Identity = 1,
    /// `OpenMLS` rows of key packages that may still be used by a welcome.
    KeyPackage = 2,
    /// Where each conversation stands.
    Conversation = 3,
    /// Usernames that were looked up.
    Name = 4,
    /// Accounts whose safety number was compared.
    Contact = 5,
    /// Texts whose recipient is a name that was never resolved.
    Waiting = 6,
    /// Key packages made and perhaps not yet published.
    Publication = 7,
    /// Texts that came back to their writer, until it is certain that they were told of.
    Returned = 8,
    /// `OpenMLS` rows of a conversation's group.
    Group = 16,
    /// Texts without an outcome.
    Outbox = 17,
    /// Numbered records without an outcome.
    Submission = 18,
    /// Messages, at their sequence.
    History = 19,
    /// Records that were refused and may be in the log all the same.
    Doubt = 20,
}

impl Table {
    pub const fn number(self) -> u8 {
        self as u8
    }

    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Identity,
            2 => Self::KeyPackage,
            3 => Self::Conversation,
            4 => Self::Name,
            5 => Self::Contact,
            6 => Self::Waiting,
            7 => Self::Publication,
            8 => Self::Returned,
            16 => Self::Group,
            17 => Self::Outbox,
            18 => Self::Submission,
            19 => Self::History,
            20 => Self::Doubt,
            _ => return None,
        })
    }
}

/// Names one row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    pub scope: Scope,
    pub table: Table,
    /// Id part; it may name people and conversations, so a store hides it.
    pub name: Vec<u8>,
    /// Position inside (scope, table, name); a store keeps it big-endian and in clear.
    pub order: u64,
}

/// One stored row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub key: RowKey,
    pub value: Zeroizing<Vec<u8>>,
}

/// A row set, or deleted where `value` is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowChange {
    pub key: RowKey,
    pub value: Option<Zeroizing<Vec<u8>>>,
}

/// Number of a batch, growing by one from 1 since the engine was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub u64);

/// Changes that are stored together or not at all. Each key occurs once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    pub id: BatchId,
    pub changes: Vec<RowChange>,
}

/// The bytes are no row key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the bytes are not a row key")]
pub struct NotAKey;

impl RowKey {
    /// A key of one-row tables.
    pub(crate) const fn device(table: Table) -> Self {
        Self {
            scope: Scope::Device,
            table,
            name: Vec::new(),
            order: 0,
        }
    }

    pub(crate) fn named(table: Table, name: impl AsRef<[u8]>) -> Self {
        Self {
            name: name.as_ref().to_vec(),
            ..Self::device(table)
        }
    }

    pub(crate) fn numbered(table: Table, order: u64) -> Self {
        Self {
            order,
            ..Self::device(table)
        }
    }

    pub(crate) const fn within(conversation: ConversationId, table: Table, order: u64) -> Self {
        Self {
            scope: Scope::Conversation(conversation),
            table,
            name: Vec::new(),
            order,
        }
    }

    /// Table u8 ‖ scope u8 (0 device, 1 conversation and its 32 bytes) ‖ order u64 ‖ name.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.table.number()];
        match self.scope {
            Scope::Device => bytes.push(0),
            Scope::Conversation(id) => {
                bytes.push(1);
                bytes.extend_from_slice(id.as_bytes());
            }
        }
        bytes.extend_from_slice(&self.order.to_be_bytes());
        bytes.extend_from_slice(&self.name);
        bytes
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotAKey> {
        let ([table, scope], rest) = bytes.split_first_chunk::<2>().ok_or(NotAKey)?;
        let table = Table::from_number(*table).ok_or(NotAKey)?;
        let (scope, rest) = match scope {
            0 => (Scope::Device, rest),
            1 => {
                let (id, rest) = rest.split_first_chunk::<32>().ok_or(NotAKey)?;
                (Scope::Conversation(ConversationId::new(*id)), rest)
            }
            _ => return Err(NotAKey),
        };
        let (order, name) = rest.split_first_chunk::<8>().ok_or(NotAKey)?;
        Ok(Self {
            scope,
            table,
            name: name.to_vec(),
            order: u64::from_be_bytes(*order),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_survive_their_encoding_and_other_bytes_are_refused() {
        for key in [
            RowKey::device(Table::Identity),
            RowKey::named(Table::Name, "alice"),
            RowKey::within(ConversationId::new([4; 32]), Table::History, u64::MAX),
        ] {
            let bytes = key.to_bytes();
            assert_eq!(RowKey::from_bytes(&bytes), Ok(key));
            assert_eq!(RowKey::from_bytes(&bytes[..1]), Err(NotAKey));
        }
        assert_eq!(RowKey::from_bytes(&[99, 0, 0]), Err(NotAKey));
        assert_eq!(RowKey::from_bytes(&[1, 2, 0]), Err(NotAKey));
    }

    #[test]
    fn every_table_has_its_number() {
        for number in 0..=u8::MAX {
            if let Some(table) = Table::from_number(number) {
                assert_eq!(table.number(), number);
            }
        }
    }
}
