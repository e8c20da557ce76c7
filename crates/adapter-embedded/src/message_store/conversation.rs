//! A conversation's own partition: `conversations ((conversation), kind, key)`.
//!
//! The head's row is `0 u64 ‖ stamp u64 ‖ value`. There are no write timestamps: a mutation whose
//! stamp is not above the stored one changes nothing, which ends in the same state because each
//! stamp belongs to one mutation and later ones were decided with the earlier ones in place.

use bytes::Bytes;
use fjall::Readable;
use xchat_ports::{
    PortError, PortResult,
    message_store::{Mutation, RowKey, Rows},
};
use xchat_types::{ConversationId, DeviceId, Stamp};

use super::{
    keys,
    store::{Database, Store},
};
use crate::{
    engine::{Fault, snapshot},
    expiry,
};

const TABLE: &str = "conversations";

fn read_head(
    opened: &Database,
    view: &impl Readable,
    conversation: ConversationId,
) -> Result<Option<(Stamp, Bytes)>, Fault> {
    let key = keys::row(conversation, RowKey::Head);
    let Some(row) = view.get(&opened.tables.conversations, key)? else {
        return Ok(None);
    };
    let (stamp, value) = row
        .get(8..)
        .and_then(|rest| rest.split_first_chunk::<8>())
        .ok_or(Fault::Row(TABLE))?;
    let stamp = Stamp(u64::from_be_bytes(*stamp));
    Ok(Some((stamp, Bytes::copy_from_slice(value))))
}

impl Store {
    pub(super) fn mutate(&self, mutation: &Mutation) -> PortResult<()> {
        if !mutation.changes.iter().any(|row| row.key == RowKey::Head) {
            return Err(PortError::Conflict("a mutation changes the head"));
        }
        let now = self.now();
        let _stripe = self.stripe(&mutation.conversation);
        let applied = self.engine.write(|opened| {
            let view = snapshot(opened);
            let head = read_head(opened, &view, mutation.conversation)?;
            if head.is_some_and(|(stamp, _)| stamp >= mutation.stamp) {
                return Ok(false);
            }
            let mut batch = opened.database.batch();
            for change in &mutation.changes {
                let key = keys::row(mutation.conversation, change.key);
                let Some(value) = &change.value else {
                    batch.remove(&opened.tables.conversations, key);
                    continue;
                };
                let row = if change.key == RowKey::Head {
                    let stamp = mutation.stamp.0.to_be_bytes();
                    Some(expiry::lasting(&[&stamp, &value[..]].concat()))
                } else {
                    expiry::encode(change.expires_at, now, value)
                };
                if let Some(row) = row {
                    batch.insert(&opened.tables.conversations, key, row);
                }
            }
            self.note_folded(&mut batch, opened, mutation);
            batch.commit()?;
            Ok(true)
        })?;
        if applied {
            self.took(mutation);
        }
        Ok(())
    }

    pub(super) fn read_rows(
        &self,
        conversation: ConversationId,
        wanted: &[RowKey],
    ) -> PortResult<Rows> {
        let now = self.now();
        self.engine.read(|opened| {
            let view = snapshot(opened);
            let head = read_head(opened, &view, conversation)?;
            let mut rows = Vec::with_capacity(wanted.len());
            for key in wanted.iter().filter(|key| **key != RowKey::Head) {
                let row = view.get(&opened.tables.conversations, keys::row(conversation, *key))?;
                let value = row.and_then(|row| expiry::decode_bytes(&row, now));
                rows.extend(value.map(|value| (*key, value)));
            }
            Ok(Rows { head, rows })
        })
    }

    pub(super) fn read_members(&self, conversation: ConversationId) -> PortResult<Rows> {
        let now = self.now();
        self.engine.read(|opened| {
            let view = snapshot(opened);
            let head = read_head(opened, &view, conversation)?;
            let mut rows = Vec::new();
            let prefix = keys::member_prefix(conversation);
            for guard in view.prefix(&opened.tables.conversations, prefix) {
                let (key, row) = guard.into_inner()?;
                let device = keys::tail(&key).ok_or(Fault::Row(TABLE))?;
                let value = expiry::decode_bytes(&row, now);
                rows.extend(value.map(|value| (RowKey::Member(DeviceId::new(device)), value)));
            }
            Ok(Rows { head, rows })
        })
    }
}
