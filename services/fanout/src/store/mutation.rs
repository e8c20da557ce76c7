//! The one batch of a record: the head, and the rows that its redo names.

use bytes::Bytes;
use xchat_ports::message_store::{Mutation, RowChange, RowKey};
use xchat_types::{ConversationId, Millis};

use crate::{
    domain::{Head, head::Redo},
    rows::Row,
};

/// The mutation that made this head, also when it is written again. `None` for a head that never
/// was written.
///
/// One record a mutation, never a run of them: how many records a worker finds waiting is chance,
/// and the redo in the head would carry that chance into the stored bytes.
pub fn of(conversation: ConversationId, head: &Head) -> Option<Mutation> {
    let place = head.checkpoint?;
    let redo = head.redo.as_ref()?;
    let mut changes = vec![set(RowKey::Head, head.encode(), None)];
    changes.extend(rows(redo));
    let recent = RowKey::Recent(place.partition, place.offset);
    let expires_at = redo.recent.expires_at();
    changes.push(set(recent, redo.recent.encode(), Some(expires_at)));
    Some(Mutation {
        conversation,
        stamp: head.stamp,
        changes,
    })
}

fn rows(redo: &Redo) -> impl Iterator<Item = RowChange> {
    let sender = redo
        .sender
        .iter()
        .map(|(device, sender)| set(RowKey::Sender(*device), sender.encode(), None));
    let members = redo
        .members
        .iter()
        .map(|(device, member)| set(RowKey::Member(*device), member.encode(), None));
    sender.chain(members)
}

const fn set(key: RowKey, value: Bytes, expires_at: Option<Millis>) -> RowChange {
    RowChange {
        key,
        value: Some(value),
        expires_at,
    }
}
