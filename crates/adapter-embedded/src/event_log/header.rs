//! The head of a segment. All integers are big-endian.
//!
//! ```text
//! magic 8 bytes ‖ checksum u32 (CRC-32 of all that follows)
//! format u32 ‖ log id 16 bytes ‖ number u64 ‖ length u64 ‖ previous end u64 ‖ last appended_at u64 ‖ partitions u32
//! partitions × next offset u64
//! ```
//! A segment appears under its name only after its head is synced, so a head that does not read is
//! damage, never a torn write. It says where the segment before it ends: bytes behind that were
//! never acknowledged, or follow a failed sync, and count for nothing.

use std::path::Path;

use xchat_types::{LogId, Millis};

use super::frame::{take_u32, take_u64};
use crate::OpenError;

const MAGIC: &[u8; 8] = b"xchatseg";
pub(super) const FORMAT: u32 = 1;
const PREFIX: usize = 12;
const FIXED: usize = 4 + LogId::LEN + 8 + 8 + 8 + 8 + 4;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) log: LogId,
    /// Grows by one from segment to segment.
    pub(super) number: u64,
    /// Of the file while it is written to: a shorter one has lost its end.
    pub(super) length: u64,
    /// Position behind the last frame of the segment before.
    pub(super) previous_end: u64,
    /// Append time of the last record before this segment.
    pub(super) last_appended_at: Millis,
    /// Next offset of each partition.
    pub(super) next: Vec<u64>,
}

impl SegmentHeader {
    pub(super) const fn size(partitions: usize) -> usize {
        PREFIX + FIXED + 8 * partitions
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(FIXED + 8 * self.next.len());
        body.extend_from_slice(&FORMAT.to_be_bytes());
        body.extend_from_slice(self.log.as_bytes());
        body.extend_from_slice(&self.number.to_be_bytes());
        body.extend_from_slice(&self.length.to_be_bytes());
        body.extend_from_slice(&self.previous_end.to_be_bytes());
        body.extend_from_slice(&self.last_appended_at.0.to_be_bytes());
        let partitions = u32::try_from(self.next.len()).unwrap_or(u32::MAX);
        body.extend_from_slice(&partitions.to_be_bytes());
        for next in &self.next {
            body.extend_from_slice(&next.to_be_bytes());
        }
        let mut out = Vec::with_capacity(PREFIX + body.len());
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&crc32fast::hash(&body).to_be_bytes());
        out.extend_from_slice(&body);
        out
    }

    /// Reads the head of the segment file `path`, which must belong to a log of that many
    /// partitions.
    pub(super) fn decode(path: &Path, bytes: &[u8], partitions: u32) -> Result<Self, OpenError> {
        let size = Self::size(usize::try_from(partitions).unwrap_or(usize::MAX));
        let damaged = || OpenError::Damaged {
            path: path.to_owned(),
            from: 0,
            to: size as u64,
            why: "the head of the segment does not read".to_owned(),
        };
        let mut rest = bytes
            .get(..size)
            .and_then(|head| head.strip_prefix(MAGIC))
            .ok_or_else(damaged)?;
        let sum = take_u32(&mut rest).ok_or_else(damaged)?;
        if crc32fast::hash(rest) != sum {
            return Err(damaged());
        }
        Self::body(rest)
            .filter(|header| header.next.len() == partitions as usize)
            .ok_or_else(damaged)
    }

    fn body(mut rest: &[u8]) -> Option<Self> {
        if take_u32(&mut rest)? != FORMAT {
            return None;
        }
        let (log, after) = rest.split_first_chunk::<{ LogId::LEN }>()?;
        rest = after;
        let number = take_u64(&mut rest)?;
        let length = take_u64(&mut rest)?;
        let previous_end = take_u64(&mut rest)?;
        let last_appended_at = Millis(take_u64(&mut rest)?);
        let _partitions = take_u32(&mut rest)?;
        let mut next = Vec::with_capacity(rest.len() / 8);
        while !rest.is_empty() {
            next.push(take_u64(&mut rest)?);
        }
        Some(Self {
            log: LogId::new(*log),
            number,
            length,
            previous_end,
            last_appended_at,
            next,
        })
    }
}
