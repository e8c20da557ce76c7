//! Compare-and-set of one value, with unknown outcomes resolved.

use bytes::Bytes;
use scylla::statement::prepared::PreparedStatement;
use xchat_ports::PortResult;

use super::ScyllaDirectoryStore;
use crate::{
    cas::{self, Attempt, Pauses},
    error::Unresolved,
};

#[derive(Clone, Copy, Debug)]
pub(super) struct SwapTable<'a> {
    pub(super) insert: &'a PreparedStatement,
    pub(super) update: &'a PreparedStatement,
    pub(super) read: &'a PreparedStatement,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Swap<'a> {
    Create {
        value: &'a Bytes,
    },
    Replace {
        expected: &'a Bytes,
        value: &'a Bytes,
    },
}

impl ScyllaDirectoryStore {
    /// Whether the value stands there by this call. After an unknown outcome the row is read at
    /// SERIAL: the new value is success, the old one is tried again, and a third one leaves it
    /// open whether ours was there in between, so the answer is `Unavailable`. To be called in
    /// time.
    pub(super) async fn swap(
        &self,
        table: SwapTable<'_>,
        key: &[u8],
        swap: Swap<'_>,
    ) -> PortResult<bool> {
        let (expected, value) = match swap {
            Swap::Create { value } => (None, value),
            Swap::Replace { expected, value } => (Some(expected), value),
        };
        let mut unknown = false;
        let mut pauses = Pauses::new(value);
        loop {
            let outcome = match expected {
                None => {
                    let row = (key, value.as_ref());
                    cas::attempt(&self.cluster, table.insert, row).await?
                }
                Some(expected) => {
                    let row = (value.as_ref(), key, expected.as_ref());
                    cas::attempt(&self.cluster, table.update, row).await?
                }
            };
            match outcome {
                Attempt::Applied => return Ok(true),
                Attempt::Refused if !unknown => return Ok(false),
                Attempt::Refused | Attempt::Unknown => unknown = true,
            }
            let held: Option<(Vec<u8>,)> =
                cas::read_back(&self.cluster, table.read, (key,)).await?;
            let held = held.map(|(held,)| held);
            if held.as_deref() == Some(value.as_ref()) {
                return Ok(true);
            }
            if held.as_deref() != expected.map(AsRef::as_ref) {
                return Err(Unresolved::Overwritten.into());
            }
            pauses.wait().await;
        }
    }
}
