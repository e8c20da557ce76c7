//! Digest of an envelope and the hash chain of a conversation (protocol, "Records").

use xchat_types::{
    Bucket, ControlHash, ConversationId, Digest, HeadHash, Header, Millis, Sequence,
};

use crate::derive::sha256;

/// Length of [`canonical_header`].
pub const HEADER_LEN: usize = 77;

const HEAD: &[u8] = b"xchat-head-v1";

/// The header fields that a device knows, 77 bytes: conversation 32 ‖ incarnation u32 ‖ epoch u64 ‖
/// sender device 16 ‖ counter u64 ‖ kind u8 ‖ `created_at` in ms u64.
pub fn canonical_header(header: &Header) -> Vec<u8> {
    [
        header.conversation.as_bytes().as_slice(),
        &header.incarnation.0.to_be_bytes(),
        &header.epoch.0.to_be_bytes(),
        header.sender.as_bytes(),
        &header.counter.0.to_be_bytes(),
        &[header.kind as u8],
        &header.created_at.0.to_be_bytes(),
    ]
    .concat()
}

/// SHA-256("xchat-env-v1" ‖ canonical header ‖ payload). The payload is what `Submit` carries: an
/// MLS message, or the record encoding of a genesis, bundle or control record. It comes last and
/// everything before it has a fixed length, so it needs none of its own.
pub fn digest(header: &Header, payload: &[u8]) -> Digest {
    Digest::new(sha256(&[
        b"xchat-env-v1",
        &canonical_header(header),
        payload,
    ]))
}

/// What one step of the chain hashes beside the hash before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLink {
    pub sequence: Sequence,
    pub appended_at: Millis,
    pub accepted_at: Millis,
    /// Of application envelopes only.
    pub bucket: Option<Bucket>,
    pub control_hash: ControlHash,
    pub digest: Digest,
}

/// `head_hash(0)` = SHA-256("xchat-head-v1" ‖ conversation).
pub fn head_hash_start(conversation: &ConversationId) -> HeadHash {
    HeadHash::new(sha256(&[HEAD, conversation.as_bytes()]))
}

/// `head_hash(n)` = SHA-256("xchat-head-v1" ‖ `head_hash(n−1)` 32 ‖ n u64 ‖ append time in ms u64 ‖
/// `accepted_at` in ms u64 ‖ bucket 9 ‖ `control_hash` 32 ‖ digest 32). The bucket is its class u8
/// and index u64; without a bucket these are nine zero bytes, for zero is no class.
pub fn head_hash(previous: &HeadHash, link: &HeadLink) -> HeadHash {
    let (class, index) = link
        .bucket
        .map_or((0, 0), |bucket| (bucket.class as u8, bucket.index));
    HeadHash::new(sha256(&[
        HEAD,
        previous.as_bytes(),
        &link.sequence.0.to_be_bytes(),
        &link.appended_at.0.to_be_bytes(),
        &link.accepted_at.0.to_be_bytes(),
        &[class],
        &index.to_be_bytes(),
        link.control_hash.as_bytes(),
        link.digest.as_bytes(),
    ]))
}
