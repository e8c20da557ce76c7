//! Marks and cursors: rows that only grow.
//!
//! A mark's row is `expires_at u64 ‖ sequence u64 ‖ 1`; with 0 for 1 it is a deleted one, which is
//! kept for a while so that a late note at or below it does not come back.

use fjall::Readable;
use xchat_ports::{PortResult, message_store::Mark};
use xchat_types::{ConversationId, DeviceId, Sequence};

use super::{
    keys,
    store::{Database, Store},
};
use crate::{
    engine::{Fault, snapshot},
    expiry,
};

/// How long a deleted mark is remembered: as long as the engines' grace.
const GRACE_MS: u64 = 10 * 24 * 3_600_000;

const THERE: u8 = 1;
const DELETED: u8 = 0;

struct StoredMark {
    sequence: Sequence,
    there: bool,
}

fn parse(row: &[u8], table: &'static str) -> Result<StoredMark, Fault> {
    let (sequence, rest) = row
        .get(8..)
        .and_then(|rest| rest.split_first_chunk::<8>())
        .ok_or(Fault::Row(table))?;
    Ok(StoredMark {
        sequence: Sequence(u64::from_be_bytes(*sequence)),
        there: rest == [THERE],
    })
}

fn value(sequence: Sequence, state: u8) -> Vec<u8> {
    let mut bytes = sequence.0.to_be_bytes().to_vec();
    bytes.push(state);
    bytes
}

fn read_mark(opened: &Database, key: &[u8]) -> Result<Option<StoredMark>, Fault> {
    let row = opened.tables.marks.get(key)?;
    row.map(|row| parse(&row, "marks")).transpose()
}

fn read_cursor(opened: &Database, key: &[u8]) -> Result<Option<Sequence>, Fault> {
    let row = opened.tables.cursors.get(key)?;
    let sequence = row.map(|row| keys::tail(&row).ok_or(Fault::Row("cursors")));
    Ok(sequence
        .transpose()?
        .map(|bytes| Sequence(u64::from_be_bytes(bytes))))
}

impl Store {
    pub(super) fn write_marks(&self, marks: &[Mark]) -> PortResult<()> {
        for mark in marks {
            let key = keys::of_device(mark.device, mark.conversation);
            let _stripe = self.stripe(&mark.device);
            self.engine.write(|opened| {
                let held = read_mark(opened, &key)?;
                if held.is_none_or(|held| held.sequence < mark.sequence) {
                    let row = expiry::lasting(&value(mark.sequence, THERE));
                    opened.tables.marks.insert(key, row)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    pub(super) fn acknowledge(
        &self,
        device: DeviceId,
        conversation: ConversationId,
        sequence: Sequence,
    ) -> PortResult<()> {
        let now = self.now();
        let key = keys::of_device(device, conversation);
        let _stripe = self.stripe(&device);
        self.engine.write(|opened| {
            if read_cursor(opened, &key)? < Some(sequence) {
                let row = expiry::lasting(&sequence.0.to_be_bytes());
                opened.tables.cursors.insert(key.clone(), row)?;
            }
            let held = read_mark(opened, &key)?;
            if held.is_none_or(|held| held.sequence <= sequence) {
                let ends = now.saturating_add(GRACE_MS);
                let row = expiry::encode(Some(ends), now, &value(sequence, DELETED));
                if let Some(row) = row {
                    opened.tables.marks.insert(key, row)?;
                }
            }
            Ok(())
        })
    }

    pub(super) fn read_marks(
        &self,
        device: DeviceId,
        after: Option<ConversationId>,
        limit: usize,
    ) -> PortResult<Vec<Mark>> {
        let last = keys::of_device(device, ConversationId::new([u8::MAX; ConversationId::LEN]));
        let first = match after {
            // The key that follows, which no id can be.
            Some(after) => [&keys::of_device(device, after)[..], &[0]].concat(),
            None => device.as_bytes().to_vec(),
        };
        if first > last {
            return Ok(Vec::new());
        }
        self.engine.read(|opened| {
            let mut found = Vec::new();
            let view = snapshot(opened);
            for guard in view.range(&opened.tables.marks, first..=last) {
                if found.len() >= limit {
                    break;
                }
                let (key, row) = guard.into_inner()?;
                let mark = parse(&row, "marks")?;
                let conversation = keys::tail(&key).ok_or(Fault::Row("marks"))?;
                if mark.there {
                    found.push(Mark {
                        device,
                        conversation: ConversationId::new(conversation),
                        sequence: mark.sequence,
                    });
                }
            }
            Ok(found)
        })
    }

    pub(super) fn read_cursor(
        &self,
        device: DeviceId,
        conversation: ConversationId,
    ) -> PortResult<Option<Sequence>> {
        let key = keys::of_device(device, conversation);
        self.engine.read(|opened| read_cursor(opened, &key))
    }
}
