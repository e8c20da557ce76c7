//! Ids and other values that follow from keys (protocol, "Ids, keys, derivation").

use sha2::{Digest as _, Sha256};
use xchat_types::{
    AccountId, ControlHash, ConversationId, DeviceId, GroupId, Incarnation, JudgeVersion,
    PartitionId, ServerId,
};

use crate::{kdf, sign::PublicKey};

/// SHA-256("xchat-account-v1" ‖ root public key).
pub fn account_id(root: &PublicKey) -> AccountId {
    AccountId::new(sha256(&[b"xchat-account-v1", root.as_bytes()]))
}

/// First 16 bytes of SHA-256("xchat-device-id-v1" ‖ device public key).
pub fn device_id(device: &PublicKey) -> DeviceId {
    let hash = sha256(&[b"xchat-device-id-v1", device.as_bytes()]);
    let mut id = [0; DeviceId::LEN];
    id.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    DeviceId::new(id)
}

/// SHA-256("xchat-server-v1" ‖ the installation's public signing key).
pub fn server_id(key: &PublicKey) -> ServerId {
    ServerId::new(sha256(&[b"xchat-server-v1", key.as_bytes()]))
}

/// MLS group id of an incarnation: SHA-256("xchat-group-v1" ‖ conversation ‖ incarnation u32).
pub fn group_id(conversation: &ConversationId, incarnation: Incarnation) -> GroupId {
    GroupId::new(sha256(&[
        b"xchat-group-v1",
        conversation.as_bytes(),
        &incarnation.0.to_be_bytes(),
    ]))
}

/// SHA-256("xchat-control-state-v1" ‖ judge version u32 ‖ canonical control state).
pub fn control_hash(version: JudgeVersion, control_state: &[u8]) -> ControlHash {
    ControlHash::new(sha256(&[
        b"xchat-control-state-v1",
        &version.0.to_be_bytes(),
        control_state,
    ]))
}

/// The partition of a conversation: the first 8 bytes of
/// `keyed_hash(key, "xchat-partition-v1", conversation)` as a big-endian number, modulo the
/// installation's partitions. Keyed, so that nobody can aim conversations at one partition.
/// Zero partitions count as one.
pub fn partition(key: &[u8; 32], conversation: &ConversationId, partitions: u32) -> PartitionId {
    let hash = keyed_hash(key, "xchat-partition-v1", conversation.as_bytes());
    let front = hash
        .first_chunk()
        .map_or(0, |front| u64::from_be_bytes(*front));
    let number = front % u64::from(partitions.max(1));
    PartitionId(u32::try_from(number).unwrap_or_default())
}

/// HMAC-SHA256(key, length of the domain as u8 ‖ domain ‖ data). The domain, at most 255 bytes,
/// keeps uses of one key apart.
pub fn keyed_hash(key: &[u8; 32], domain: &'static str, data: &[u8]) -> [u8; 32] {
    let length = u8::try_from(domain.len()).unwrap_or(u8::MAX);
    kdf::hmac(key, &[&[length], domain.as_bytes(), data])
}

pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}
