//! Keys of rows: fixed-length parts, big-endian, so that they sort as they are read.

use xchat_ports::message_store::RowKey;
use xchat_types::{
    ConversationId, DeviceId, Epoch, Incarnation, LogId, PartitionId, Sequence, WelcomeRef,
};

/// `conversation ‖ kind ‖ key` in `conversations`.
pub(super) fn row(conversation: ConversationId, key: RowKey) -> Vec<u8> {
    let mut bytes = conversation.as_bytes().to_vec();
    match key {
        RowKey::Head => bytes.push(0),
        RowKey::Sender(device) => {
            bytes.push(1);
            bytes.extend_from_slice(device.as_bytes());
        }
        RowKey::Member(device) => {
            bytes.push(MEMBER);
            bytes.extend_from_slice(device.as_bytes());
        }
        RowKey::Recent(partition, offset) => {
            bytes.push(3);
            bytes.extend_from_slice(&partition.0.to_be_bytes());
            bytes.extend_from_slice(&offset.0.to_be_bytes());
        }
    }
    bytes
}

const MEMBER: u8 = 2;

pub(super) fn member_prefix(conversation: ConversationId) -> Vec<u8> {
    let mut bytes = conversation.as_bytes().to_vec();
    bytes.push(MEMBER);
    bytes
}

/// The last `N` bytes of a key.
pub(super) fn tail<const N: usize>(key: &[u8]) -> Option<[u8; N]> {
    key.last_chunk::<N>().copied()
}

/// `conversation ‖ sequence` in the tables of payloads.
pub(super) fn payload(conversation: ConversationId, sequence: Sequence) -> Vec<u8> {
    let mut bytes = conversation.as_bytes().to_vec();
    bytes.extend_from_slice(&sequence.0.to_be_bytes());
    bytes
}

/// Which half of a row in `envelopes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Header = 0,
    Payload = 1,
}

/// `conversation ‖ sequence ‖ part` in `envelopes`: a header stands before its payload.
pub(super) fn envelope(conversation: ConversationId, sequence: Sequence, part: Part) -> Vec<u8> {
    let mut bytes = payload(conversation, sequence);
    bytes.push(part as u8);
    bytes
}

pub(super) fn sequence_and_part(key: &[u8]) -> Option<(Sequence, Part)> {
    let (last, rest) = key.split_last()?;
    let part = match last {
        0 => Part::Header,
        1 => Part::Payload,
        _ => return None,
    };
    Some((Sequence(u64::from_be_bytes(tail(rest)?)), part))
}

/// `conversation ‖ incarnation ‖ 1 ‖ epoch` in `group_states`.
pub(super) fn group_state(
    conversation: ConversationId,
    incarnation: Incarnation,
    epoch: Epoch,
) -> Vec<u8> {
    let mut bytes = conversation.as_bytes().to_vec();
    bytes.extend_from_slice(&incarnation.0.to_be_bytes());
    bytes.push(1);
    bytes.extend_from_slice(&epoch.0.to_be_bytes());
    bytes
}

/// `conversation ‖ incarnation ‖ 0`: below which epoch rows have been deleted.
pub(super) fn group_state_floor(conversation: ConversationId, incarnation: Incarnation) -> Vec<u8> {
    let mut bytes = conversation.as_bytes().to_vec();
    bytes.extend_from_slice(&incarnation.0.to_be_bytes());
    bytes.push(0);
    bytes
}

pub(super) fn welcome(device: DeviceId, reference: WelcomeRef) -> Vec<u8> {
    let mut bytes = device.as_bytes().to_vec();
    bytes.extend_from_slice(reference.as_bytes());
    bytes
}

/// `device ‖ conversation` in `marks` and `cursors`.
pub(super) fn of_device(device: DeviceId, conversation: ConversationId) -> Vec<u8> {
    let mut bytes = device.as_bytes().to_vec();
    bytes.extend_from_slice(conversation.as_bytes());
    bytes
}

/// How far the fold has got, in the engine's own table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// Next offset to read: the commit hint.
    Committed = 1,
    /// Highest offset of which a mutation is stored.
    Folded = 2,
}

/// `"log" ‖ log id ‖ kind`.
pub(super) fn positions(log: LogId, kind: Position) -> Vec<u8> {
    let mut bytes = b"log".to_vec();
    bytes.extend_from_slice(log.as_bytes());
    bytes.push(kind as u8);
    bytes
}

pub(super) fn position(log: LogId, kind: Position, partition: PartitionId) -> Vec<u8> {
    let mut bytes = positions(log, kind);
    bytes.extend_from_slice(&partition.0.to_be_bytes());
    bytes
}
