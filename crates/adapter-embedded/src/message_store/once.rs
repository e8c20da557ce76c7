//! Rows that are written once: envelopes, payloads, group states, welcomes.

use bytes::Bytes;
use fjall::{OwnedWriteBatch, Readable};
use xchat_ports::{
    PortResult,
    message_store::{OnceRow, PayloadClass, StoredEnvelope},
};
use xchat_types::{ConversationId, DeviceId, Epoch, Incarnation, Millis, Sequence, WelcomeRef};

use super::{
    keys::{self, Part},
    store::{Database, Store},
};
use crate::{
    engine::{Fault, snapshot},
    expiry,
};

impl Store {
    pub(super) fn write_once(&self, rows: &[OnceRow]) -> PortResult<()> {
        let now = self.now();
        // Against a deletion of group states: a call writes rows of one conversation.
        let group = rows.iter().find_map(|row| match row {
            OnceRow::GroupState { conversation, .. } => Some(*conversation),
            OnceRow::Envelope { .. } | OnceRow::Payload { .. } | OnceRow::Welcome { .. } => None,
        });
        let _stripe = group.map(|conversation| self.stripe(&conversation));
        self.engine.write(|opened| {
            let mut batch = opened.database.batch();
            for row in rows {
                insert(&mut batch, opened, row, now)?;
            }
            Ok(batch.commit()?)
        })
    }

    pub(super) fn read_envelopes(
        &self,
        conversation: ConversationId,
        (after, through): (Sequence, Sequence),
        limit: usize,
    ) -> PortResult<Vec<StoredEnvelope>> {
        if after >= through {
            return Ok(Vec::new());
        }
        let now = self.now();
        let range = keys::envelope(conversation, after.next(), Part::Header)
            ..=keys::envelope(conversation, through, Part::Payload);
        self.engine.read(|opened| {
            let view = snapshot(opened);
            let mut found: Vec<StoredEnvelope> = Vec::new();
            for guard in view.range(&opened.tables.envelopes, range) {
                let (key, row) = guard.into_inner()?;
                let (sequence, part) =
                    keys::sequence_and_part(&key).ok_or(Fault::Row("envelopes"))?;
                let value = expiry::decode_bytes(&row, now);
                if part == Part::Payload {
                    let header = found.last_mut().filter(|last| last.sequence == sequence);
                    if let Some(envelope) = header {
                        envelope.payload = value;
                    }
                } else if found.len() >= limit {
                    break;
                } else {
                    found.extend(value.map(|value| StoredEnvelope {
                        sequence,
                        value,
                        payload: None,
                    }));
                }
            }
            for envelope in found.iter_mut().filter(|found| found.payload.is_none()) {
                let key = keys::payload(conversation, envelope.sequence);
                for table in [&opened.tables.payloads_hour, &opened.tables.payloads_day] {
                    if let Some(row) = view.get(table, &key)? {
                        envelope.payload = expiry::decode_bytes(&row, now);
                    }
                }
            }
            Ok(found)
        })
    }

    pub(super) fn read_group_states(
        &self,
        conversation: ConversationId,
        incarnation: Incarnation,
        (from, through): (Epoch, Epoch),
    ) -> PortResult<Vec<(Epoch, Bytes)>> {
        if from > through {
            return Ok(Vec::new());
        }
        let now = self.now();
        let key = |epoch| keys::group_state(conversation, incarnation, epoch);
        self.engine.read(|opened| {
            let mut found = Vec::new();
            let view = snapshot(opened);
            for guard in view.range(&opened.tables.group_states, key(from)..=key(through)) {
                let (key, row) = guard.into_inner()?;
                let epoch = keys::tail(&key).ok_or(Fault::Row("group_states"))?;
                let value = expiry::decode_bytes(&row, now);
                found.extend(value.map(|value| (Epoch(u64::from_be_bytes(epoch)), value)));
            }
            Ok(found)
        })
    }

    /// Deletes rows and remembers below which epoch, so that no replay brings one back.
    pub(super) fn delete_group_states(
        &self,
        conversation: ConversationId,
        incarnation: Incarnation,
        below: Epoch,
    ) -> PortResult<()> {
        let _stripe = self.stripe(&conversation);
        let key = |epoch| keys::group_state(conversation, incarnation, epoch);
        self.engine.write(|opened| {
            let table = &opened.tables.group_states;
            if read_floor(opened, conversation, incarnation)? >= below {
                return Ok(());
            }
            let mut batch = opened.database.batch();
            let floor = keys::group_state_floor(conversation, incarnation);
            batch.insert(table, floor, expiry::lasting(&below.0.to_be_bytes()));
            for guard in table.range(key(Epoch(0))..key(below)) {
                batch.remove(table, guard.key()?);
            }
            Ok(batch.commit()?)
        })
    }

    pub(super) fn read_welcomes(&self, device: DeviceId) -> PortResult<Vec<(WelcomeRef, Bytes)>> {
        let now = self.now();
        self.engine.read(|opened| {
            let mut found = Vec::new();
            for guard in opened.tables.welcomes.prefix(device) {
                let (key, row) = guard.into_inner()?;
                let reference = keys::tail(&key).ok_or(Fault::Row("welcomes"))?;
                let value = expiry::decode_bytes(&row, now);
                found.extend(value.map(|value| (WelcomeRef::new(reference), value)));
            }
            Ok(found)
        })
    }

    pub(super) fn delete_welcome(&self, device: DeviceId, reference: WelcomeRef) -> PortResult<()> {
        let key = keys::welcome(device, reference);
        self.engine
            .write(|opened| Ok(opened.tables.welcomes.remove(key)?))
    }
}

fn read_floor(
    opened: &Database,
    conversation: ConversationId,
    incarnation: Incarnation,
) -> Result<Epoch, Fault> {
    let key = keys::group_state_floor(conversation, incarnation);
    let Some(row) = opened.tables.group_states.get(key)? else {
        return Ok(Epoch(0));
    };
    let floor = keys::tail(&row).ok_or(Fault::Row("group_states"))?;
    Ok(Epoch(u64::from_be_bytes(floor)))
}

/// Adds a row, unless its time has come or it has been deleted for good.
fn insert(
    batch: &mut OwnedWriteBatch,
    opened: &Database,
    row: &OnceRow,
    now: Millis,
) -> Result<(), Fault> {
    let tables = &opened.tables;
    let (table, key, value, expires_at) = match row {
        OnceRow::Envelope {
            conversation,
            sequence,
            value,
            expires_at,
        } => {
            let key = keys::envelope(*conversation, *sequence, Part::Header);
            (&tables.envelopes, key, value, Some(*expires_at))
        }
        OnceRow::Payload {
            conversation,
            sequence,
            class,
            value,
            expires_at,
        } => {
            let (table, key) = payload_place(opened, *conversation, *sequence, *class);
            (table, key, value, Some(*expires_at))
        }
        OnceRow::GroupState {
            conversation,
            incarnation,
            epoch,
            value,
        } => {
            if *epoch < read_floor(opened, *conversation, *incarnation)? {
                return Ok(());
            }
            let key = keys::group_state(*conversation, *incarnation, *epoch);
            (&tables.group_states, key, value, None)
        }
        OnceRow::Welcome {
            device,
            reference,
            value,
            expires_at,
        } => {
            let key = keys::welcome(*device, *reference);
            (&tables.welcomes, key, value, Some(*expires_at))
        }
    };
    if let Some(row) = expiry::encode(expires_at, now, value) {
        batch.insert(table, key, row);
    }
    Ok(())
}

fn payload_place(
    opened: &Database,
    conversation: ConversationId,
    sequence: Sequence,
    class: PayloadClass,
) -> (&fjall::Keyspace, Vec<u8>) {
    match opened.tables.payloads(class) {
        Some(table) => (table, keys::payload(conversation, sequence)),
        None => (
            &opened.tables.envelopes,
            keys::envelope(conversation, sequence, Part::Payload),
        ),
    }
}
