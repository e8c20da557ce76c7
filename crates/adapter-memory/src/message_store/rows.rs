//! What each kind of write is in cells and write timestamps.

use bytes::Bytes;
use xchat_ports::message_store::{Mutation, OnceRow};
use xchat_types::{DeviceId, Millis, Sequence, WelcomeRef};

use super::cell::{Cell, CellKey};

/// Rows that are written once carry no stamp of their own; but a welcome may be deleted and come
/// again, and then the later of the two counts.
const ONCE_STAMP: u64 = 1;

pub(super) fn conversation_batch(mutation: &Mutation, now: Millis) -> Vec<(CellKey, Cell)> {
    mutation
        .changes
        .iter()
        .filter(|change| change.value.is_none() || outlives(change.expires_at, now))
        .map(|change| {
            (
                CellKey::Conversation(mutation.conversation, change.key),
                Cell {
                    stamp: mutation.stamp.0,
                    value: change.value.clone(),
                    expires_at: change.expires_at,
                },
            )
        })
        .collect()
}

/// A TTL of zero would mean "for ever" to an engine: such a row is not written at all.
fn outlives(expires_at: Option<Millis>, now: Millis) -> bool {
    expires_at.is_none_or(|ends| ends > now)
}

/// `tick` grows with every call on the store, like a coordinator's clock.
pub(super) fn once_cell(row: &OnceRow, now: Millis, tick: u64) -> Option<(CellKey, Cell)> {
    let (key, value, expires_at) = match row {
        OnceRow::Envelope {
            conversation,
            sequence,
            value,
            expires_at,
        } => (
            CellKey::Envelope(*conversation, *sequence),
            value,
            Some(*expires_at),
        ),
        OnceRow::Payload {
            conversation,
            sequence,
            class,
            value,
            expires_at,
        } => (
            CellKey::Payload(*class, *conversation, *sequence),
            value,
            Some(*expires_at),
        ),
        OnceRow::GroupState {
            conversation,
            incarnation,
            epoch,
            value,
        } => (
            CellKey::GroupState(*conversation, *incarnation, *epoch),
            value,
            None,
        ),
        OnceRow::Welcome {
            device,
            reference,
            value,
            expires_at,
        } => (
            CellKey::Welcome(*device, *reference),
            value,
            Some(*expires_at),
        ),
    };
    outlives(expires_at, now).then(|| {
        (
            key,
            Cell {
                stamp: if matches!(row, OnceRow::Welcome { .. }) {
                    tick
                } else {
                    ONCE_STAMP
                },
                value: Some(value.clone()),
                expires_at,
            },
        )
    })
}

/// Marks and cursors hold their sequence, and are written with it as timestamp.
pub(super) fn sequence_cell(sequence: Sequence, present: bool) -> Cell {
    Cell {
        stamp: sequence.0,
        value: present.then(Bytes::new),
        expires_at: None,
    }
}

pub(super) fn first_welcome(device: DeviceId) -> CellKey {
    CellKey::Welcome(device, WelcomeRef::new([0; WelcomeRef::LEN]))
}

pub(super) fn last_welcome(device: DeviceId) -> CellKey {
    CellKey::Welcome(device, WelcomeRef::new([u8::MAX; WelcomeRef::LEN]))
}
