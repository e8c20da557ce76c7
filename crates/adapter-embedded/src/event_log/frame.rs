//! Bytes of a frame. All integers are big-endian.
//!
//! ```text
//! head:   magic u32 ‖ body length u32 ‖ checksum u32
//! body:   kind u8 ‖ synced u64 ‖ (kinds 1, 3:) partition u32 ‖ offset u64 ‖ appended_at u64 (ms)
//!                                              ‖ conversation 32 bytes
//!                              ‖ (kind 3:) trace 16 bytes ‖ span 8 bytes
//!                              ‖ (kinds 1, 3:) record
//! ```
//! Append-only: a kind keeps its meaning for ever, a new field is a new kind (ADR 0013). A frame with
//! a valid checksum and a kind that is not listed is of a newer program: never a torn tail.
//!
//! The checksum is CRC-32 (IEEE) over segment number, position, body length and body: bytes that
//! were valid in another place, or in a segment of another number, are not valid here. `synced` is
//! the watermark that travels with each batch: everything before this position of the segment had
//! been synced when the frame was written, so a valid frame proves what lies before it. A frame of
//! kind 2 holds nothing else; it is written at open and at a clean stop.

use bytes::Bytes;
use xchat_ports::{TraceContext, event_log::Entry};
use xchat_types::{ConversationId, Millis, Offset, PartitionId};

const MAGIC: u32 = 0x7863_6672; // "xcfr"
const HEAD: usize = 12;
const KIND_RECORD: u8 = 1;
const KIND_MARK: u8 = 2;
/// A record whose trace is sampled.
const KIND_TRACED: u8 = 3;
const MARK_BODY: usize = 1 + 8;
const RECORD_BODY: usize = MARK_BODY + 4 + 8 + 8 + ConversationId::LEN;

/// Bytes that a record may take beside itself.
pub(super) const RECORD_OVERHEAD: usize = HEAD + RECORD_BODY + TraceContext::LEN;
pub(super) const MARK_SIZE: usize = HEAD + MARK_BODY;

/// What stands at a position of a segment.
#[derive(Debug)]
pub(super) enum Found {
    /// Nothing was ever written here: the head is zero, or there is no room for one.
    Nothing,
    Frame(Frame),
    /// A whole frame of a kind that this program does not know.
    Newer(u8),
    /// Bytes that are no frame of this place.
    Bad,
}

#[derive(Debug)]
pub(super) struct Frame {
    pub(super) synced: u64,
    /// `None`: a mark.
    pub(super) entry: Option<Entry>,
    pub(super) next: u64,
}

/// Where a frame is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) segment: u64,
    pub(super) position: u64,
}

fn checksum(place: Place, length: u32, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&place.segment.to_be_bytes());
    hasher.update(&place.position.to_be_bytes());
    hasher.update(&length.to_be_bytes());
    hasher.update(body);
    hasher.finalize()
}

fn seal(out: &mut Vec<u8>, place: Place, body: &[u8]) {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&MAGIC.to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&checksum(place, length, body).to_be_bytes());
    out.extend_from_slice(body);
}

/// Size of a record's whole frame.
pub(super) fn record_size(record: &[u8], trace: Option<TraceContext>) -> u64 {
    let trace = trace.map_or(0, |_| TraceContext::LEN);
    (HEAD + RECORD_BODY + trace + record.len()) as u64
}

/// Appends a record's frame to `out`, to be written at `place`.
pub(super) fn encode_record(out: &mut Vec<u8>, place: Place, synced: u64, entry: &Entry) {
    let mut body = Vec::with_capacity(RECORD_OVERHEAD + entry.record.len());
    body.push(entry.trace.map_or(KIND_RECORD, |_| KIND_TRACED));
    body.extend_from_slice(&synced.to_be_bytes());
    body.extend_from_slice(&entry.partition.0.to_be_bytes());
    body.extend_from_slice(&entry.offset.0.to_be_bytes());
    body.extend_from_slice(&entry.appended_at.0.to_be_bytes());
    body.extend_from_slice(entry.conversation.as_bytes());
    if let Some(trace) = entry.trace {
        body.extend_from_slice(&trace.to_bytes());
    }
    body.extend_from_slice(&entry.record);
    seal(out, place, &body);
}

/// Appends a mark's frame: all before `place` is synced.
pub(super) fn encode_mark(out: &mut Vec<u8>, place: Place) {
    let mut body = Vec::with_capacity(MARK_BODY);
    body.push(KIND_MARK);
    body.extend_from_slice(&place.position.to_be_bytes());
    seal(out, place, &body);
}

/// Size of the whole frame that a head announces, if it is one.
pub(super) fn announced(head: [u8; HEAD]) -> Option<usize> {
    let mut rest = head.as_slice();
    if take_u32(&mut rest)? != MAGIC {
        return None;
    }
    let length = usize::try_from(take_u32(&mut rest)?).ok()?;
    length.checked_add(HEAD)
}

/// Reads the frame at a position of a segment, whose whole content is `bytes`.
pub(super) fn decode(segment: u64, bytes: &Bytes, position: usize) -> Found {
    let Some(rest) = bytes.get(position..) else {
        return Found::Nothing;
    };
    let Some(head) = rest.first_chunk::<HEAD>() else {
        return if rest.iter().all(|byte| *byte == 0) {
            Found::Nothing
        } else {
            Found::Bad
        };
    };
    if *head == [0; HEAD] {
        return Found::Nothing;
    }
    let end = announced(*head)
        .and_then(|size| position.checked_add(size))
        .filter(|end| *end <= bytes.len());
    let Some(end) = end else {
        return Found::Bad;
    };
    let place = Place {
        segment,
        position: position as u64,
    };
    decode_frame(place, &bytes.slice(position..end))
}

/// Reads one whole frame.
pub(super) fn decode_frame(place: Place, frame: &Bytes) -> Found {
    let Some(body) = unseal(place, frame) else {
        return Found::Bad;
    };
    match body.first() {
        Some(&kind) if !matches!(kind, KIND_RECORD | KIND_MARK | KIND_TRACED) => Found::Newer(kind),
        _ => match decode_body(&body) {
            Some((synced, entry)) => Found::Frame(Frame {
                synced,
                entry,
                next: place.position.saturating_add(frame.len() as u64),
            }),
            None => Found::Bad,
        },
    }
}

/// The body of a frame whose checksum is right.
fn unseal(place: Place, frame: &Bytes) -> Option<Bytes> {
    let mut head = frame.get(..HEAD)?;
    let _magic = take_u32(&mut head)?;
    let length = take_u32(&mut head)?;
    let sum = take_u32(&mut head)?;
    let body = frame.slice(HEAD..);
    if checksum(place, length, &body) != sum {
        return None;
    }
    Some(body)
}

/// The watermark, and the entry unless it is a mark.
fn decode_body(body: &Bytes) -> Option<(u64, Option<Entry>)> {
    let (kind, mut rest) = body.split_first()?;
    let synced = take_u64(&mut rest)?;
    if *kind == KIND_MARK {
        return rest.is_empty().then_some((synced, None));
    }
    let partition = PartitionId(take_u32(&mut rest)?);
    let offset = Offset(take_u64(&mut rest)?);
    let appended_at = Millis(take_u64(&mut rest)?);
    let (id, after) = rest.split_first_chunk::<{ ConversationId::LEN }>()?;
    let (trace, record) = if *kind == KIND_TRACED {
        let (trace, record) = after.split_first_chunk::<{ TraceContext::LEN }>()?;
        (TraceContext::from_bytes(trace), record)
    } else {
        (None, after)
    };
    let entry = Entry {
        partition,
        offset,
        appended_at,
        conversation: ConversationId::new(*id),
        record: body.slice_ref(record),
        trace,
    };
    Some((synced, Some(entry)))
}

pub(super) fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    let (bytes, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    Some(u32::from_be_bytes(*bytes))
}

pub(super) fn take_u64(rest: &mut &[u8]) -> Option<u64> {
    let (bytes, after) = rest.split_first_chunk::<8>()?;
    *rest = after;
    Some(u64::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests;
