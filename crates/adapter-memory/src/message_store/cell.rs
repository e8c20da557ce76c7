//! One replica: cells with write timestamps, and a journal that a power cut eats from the end.

use std::collections::BTreeMap;

use bytes::Bytes;
use xchat_ports::message_store::{PayloadClass, RowKey};
use xchat_types::{ConversationId, DeviceId, Epoch, Incarnation, Millis, Sequence, WelcomeRef};

/// Where a row lives, over all tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CellKey {
    Conversation(ConversationId, RowKey),
    Envelope(ConversationId, Sequence),
    Payload(PayloadClass, ConversationId, Sequence),
    GroupState(ConversationId, Incarnation, Epoch),
    Welcome(DeviceId, WelcomeRef),
    Mark(DeviceId, ConversationId),
    Cursor(DeviceId, ConversationId),
}

/// A value or its tombstone, as of a write timestamp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) stamp: u64,
    pub(super) value: Option<Bytes>,
    pub(super) expires_at: Option<Millis>,
}

impl Cell {
    /// Highest timestamp; at a tie the tombstone, then the greater value (as in Cassandra).
    pub(super) fn beats(&self, other: &Self) -> bool {
        let rank = |cell: &Self| (cell.stamp, cell.value.is_none());
        (rank(self), &self.value) > (rank(other), &other.value)
    }

    /// The value, unless it is deleted or its TTL has run out.
    pub(super) fn alive(&self, now: Millis) -> Option<&Bytes> {
        let expired = self.expires_at.is_some_and(|ends| ends <= now);
        self.value.as_ref().filter(|_| !expired)
    }
}

#[derive(Debug, Default)]
pub(super) struct Replica {
    pub(super) cells: BTreeMap<CellKey, Cell>,
    /// What each write since the last sync replaced, in order.
    unsynced: Vec<(CellKey, Option<Cell>)>,
}

impl Replica {
    /// A batch on one partition is atomic on one replica.
    pub(super) fn apply(&mut self, batch: &[(CellKey, Cell)]) {
        for (key, cell) in batch {
            if self.cells.get(key).is_none_or(|held| cell.beats(held)) {
                let replaced = self.cells.insert(*key, cell.clone());
                self.unsynced.push((*key, replaced));
            }
        }
    }

    pub(super) const fn unsynced(&self) -> usize {
        self.unsynced.len()
    }

    pub(super) fn sync(&mut self) {
        self.unsynced.clear();
    }

    /// Loses the journal's end: `kept` writes since the last sync survive.
    pub(super) fn cut_power(&mut self, kept: usize) {
        while self.unsynced.len() > kept {
            match self.unsynced.pop() {
                Some((key, Some(cell))) => drop(self.cells.insert(key, cell)),
                Some((key, None)) => drop(self.cells.remove(&key)),
                None => return,
            }
        }
    }
}
