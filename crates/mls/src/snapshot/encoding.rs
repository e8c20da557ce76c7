//! Layout of stored snapshots: version 1 ‖ for each record in ascending order of its key {key u8 ‖
//! length u32 big-endian ‖ value} ‖ SHA-256 of all that precedes. The hash turns damage in a store
//! into an error here, before OpenMLS sees it.

use sha2::{Digest as _, Sha256};

use super::{SnapshotError, records::Entries};

const VERSION: u8 = 1;
const HASH_LEN: usize = 32;

pub(super) fn encode(entries: &Entries) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    for (key, value) in entries.iter() {
        bytes.push(key);
        // A snapshot is bounded by the limits on handshakes, far below 4 GiB.
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(value);
    }
    let hash = Sha256::digest(&bytes);
    bytes.extend_from_slice(&hash);
    bytes
}

pub(super) fn decode(bytes: &[u8]) -> Result<Entries, SnapshotError> {
    let content = bytes.len().checked_sub(HASH_LEN);
    let (content, hash) = content
        .and_then(|at| bytes.split_at_checked(at))
        .ok_or(SnapshotError::Damaged)?;
    if Sha256::digest(content).as_slice() != hash {
        return Err(SnapshotError::Damaged);
    }
    let Some((&VERSION, mut rest)) = content.split_first() else {
        return Err(SnapshotError::UnknownVersion);
    };
    let mut entries = Entries::default();
    while let Some((&key, after)) = rest.split_first() {
        let (length, after) = after
            .split_first_chunk::<4>()
            .ok_or(SnapshotError::Damaged)?;
        let length = usize::try_from(u32::from_be_bytes(*length));
        let (value, after) = length
            .ok()
            .and_then(|length| after.split_at_checked(length))
            .ok_or(SnapshotError::Damaged)?;
        if !entries.push_ascending(key, value.to_vec()) {
            return Err(SnapshotError::Damaged);
        }
        rest = after;
    }
    if entries.is_complete() {
        Ok(entries)
    } else {
        Err(SnapshotError::Damaged)
    }
}
