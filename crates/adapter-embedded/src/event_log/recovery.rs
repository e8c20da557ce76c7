//! Opening: reads every segment, and decides what bad bytes are.
//!
//! A power cut may leave bad bytes behind the last sync, and only there. So bad bytes are a torn
//! tail, which is cut, unless something proves that they had been synced: a later segment, a later
//! frame whose watermark lies behind them, or a store that has folded a record which is now
//! missing. Then the log is damaged and nothing is changed. A whole frame of an unknown kind is never
//! cut, wherever it stands: a newer program may have acknowledged it.

use std::{
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use xchat_ports::event_log::Entry;
use xchat_types::{Offset, PartitionId};

use super::{
    disk::Disk,
    frame::{self, Found, Frame},
    header::SegmentHeader,
    identity::Identity,
    index::{Index, Location},
    segment::{self, Segment},
};
use crate::OpenError;

/// A torn tail that was cut off: bytes that no device got an acknowledgement for, unless the disk
/// lost what it had acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    pub path: PathBuf,
    pub bytes: Range<u64>,
}

/// A log as found, with the place where writing goes on.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) index: Index,
    pub(super) active: Arc<Segment>,
    /// Behind the last good frame of the active segment.
    pub(super) end: u64,
    /// Everything before this was proven to be synced.
    pub(super) synced: u64,
    pub(super) cut: Option<Cut>,
}

/// What a scan of one segment came to.
struct Scan {
    bytes: Bytes,
    /// Behind the last good frame.
    end: u64,
    /// Highest watermark of its frames.
    synced: u64,
}

/// Reads the segments; `None` if there are none. `folded` are the highest offsets that a store
/// relies on.
pub(super) fn recover(
    disk: &dyn Disk,
    folder: &Path,
    identity: Identity,
    folded: &[(PartitionId, Offset)],
) -> Result<Option<Recovered>, OpenError> {
    let segments = open_all(disk, folder, identity)?;
    let Some((active, whole)) = segments.split_last() else {
        return match folded.first() {
            Some((partition, _)) => Err(missing(folder.to_owned(), *partition)),
            None => Ok(None),
        };
    };
    let mut index = Index::new(segments.first().unwrap_or(active));
    for segment in &segments {
        index.add_segment(Arc::clone(segment));
    }
    for (segment, next) in whole.iter().zip(segments.iter().skip(1)) {
        let limit = next.header.previous_end;
        let scan = scan(segment, limit, &mut index)?;
        if scan.end != limit {
            return Err(damaged(segment, scan.end..limit, "a frame does not read"));
        }
        if index.next() != next.header.next {
            return Err(OpenError::Unusable {
                path: next.path.clone(),
                why: "it does not go on where the segment before it ends".to_owned(),
            });
        }
    }
    check_length(active)?;
    let scan = scan(active, u64::MAX, &mut index)?;
    let cut = settle_tail(active, &scan, &index, folded)?;
    Ok(Some(Recovered {
        index,
        active: Arc::clone(active),
        end: scan.end,
        synced: scan.synced,
        cut,
    }))
}

fn damaged(segment: &Segment, bytes: Range<u64>, why: &str) -> OpenError {
    OpenError::Damaged {
        path: segment.path.clone(),
        from: bytes.start,
        to: bytes.end,
        why: why.to_owned(),
    }
}

fn newer(segment: &Segment, at: u64, kind: u8) -> OpenError {
    OpenError::Newer {
        path: segment.path.clone(),
        at,
        kind,
    }
}

fn missing(path: PathBuf, partition: PartitionId) -> OpenError {
    OpenError::Unusable {
        path,
        why: format!(
            "the message store has taken records of partition {partition} from this log that it \
             does not hold (an older copy of the log beside a newer store?)"
        ),
    }
}

/// Opens all segments and checks that each follows the one before it.
fn open_all(
    disk: &dyn Disk,
    folder: &Path,
    identity: Identity,
) -> Result<Vec<Arc<Segment>>, OpenError> {
    let numbers = segment::list(disk, folder).map_err(|error| OpenError::io(folder, error))?;
    let mut segments: Vec<Arc<Segment>> = Vec::with_capacity(numbers.len());
    for number in numbers {
        let segment = open(disk, folder, number, identity)?;
        let follows = segments
            .last()
            .is_none_or(|before| before.header.number + 1 == number);
        if !follows {
            return Err(OpenError::Unusable {
                path: segment.path,
                why: "the segment before it is missing".to_owned(),
            });
        }
        segments.push(Arc::new(segment));
    }
    Ok(segments)
}

fn open(
    disk: &dyn Disk,
    folder: &Path,
    number: u64,
    identity: Identity,
) -> Result<Segment, OpenError> {
    let path = segment::path(folder, number);
    let partitions = usize::try_from(identity.partitions).unwrap_or(usize::MAX);
    let mut head = vec![0; SegmentHeader::size(partitions)];
    let read = |head: &mut [u8]| {
        let file = disk.open(&path)?;
        if file.length()? >= head.len() as u64 {
            file.read_at(0, head)?;
        }
        Ok(file)
    };
    let file = read(&mut head).map_err(|error| OpenError::io(&path, error))?;
    let header = SegmentHeader::decode(&path, &head, identity.partitions)?;
    let fits = header.number == number && header.log == identity.id;
    if !fits {
        return Err(OpenError::Unusable {
            path,
            why: "it belongs to another log, or another place in this one".to_owned(),
        });
    }
    Ok(Segment { path, header, file })
}

/// The segment that is written to has the length it was made with; closed ones end where the next
/// one says.
fn check_length(active: &Segment) -> Result<(), OpenError> {
    let length = active
        .file
        .length()
        .map_err(|error| OpenError::io(&active.path, error))?;
    if length < active.header.length {
        let lost = length..active.header.length;
        return Err(damaged(active, lost, "the file has lost its end"));
    }
    Ok(())
}

/// Adds a segment's frames to the index, up to the first that is not one, or to the limit.
fn scan(segment: &Segment, limit: u64, index: &mut Index) -> Result<Scan, OpenError> {
    let read = || {
        let length = segment.file.length()?.min(limit);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        segment.file.read_at(0, &mut bytes)?;
        Ok(Bytes::from(bytes))
    };
    let bytes = read().map_err(|error| OpenError::io(&segment.path, error))?;
    let mut scan = Scan {
        end: SegmentHeader::size(segment.header.next.len()) as u64,
        synced: 0,
        bytes,
    };
    loop {
        let frame = match decode_at(segment, &scan.bytes, scan.end) {
            Found::Frame(frame) => frame,
            Found::Newer(kind) => return Err(newer(segment, scan.end, kind)),
            Found::Nothing | Found::Bad => return Ok(scan),
        };
        scan.synced = scan.synced.max(frame.synced);
        let next = frame.next;
        if !add(segment, scan.end, frame, index) {
            let why = "a frame does not follow the one before it";
            return Err(damaged(segment, scan.end..next, why));
        }
        scan.end = next;
    }
}

fn decode_at(segment: &Segment, bytes: &Bytes, position: u64) -> Found {
    let position = usize::try_from(position).unwrap_or(usize::MAX);
    frame::decode(segment.header.number, bytes, position)
}

fn add(segment: &Segment, position: u64, frame: Frame, index: &mut Index) -> bool {
    let Some(entry) = frame.entry else {
        return true;
    };
    // A copy: a part would keep the whole segment in memory.
    let entry = Entry {
        record: Bytes::copy_from_slice(&entry.record),
        ..entry
    };
    Location::new(segment.header.number, position, frame.next)
        .is_some_and(|location| index.add(location, entry))
}

/// Decides what stands behind the last good frame of the last segment.
fn settle_tail(
    active: &Segment,
    scan: &Scan,
    index: &Index,
    folded: &[(PartitionId, Offset)],
) -> Result<Option<Cut>, OpenError> {
    let from = usize::try_from(scan.end).unwrap_or(usize::MAX);
    let used = used(scan.bytes.get(from..).unwrap_or_default());
    let bytes = scan.end..scan.end + used as u64;
    let bad = !bytes.is_empty();
    if bad && let Some(proof) = proof_behind(active, scan, bytes.end)? {
        return Err(damaged(
            active,
            scan.end..proof,
            "these bytes had been synced, as a later frame says",
        ));
    }
    let lost = folded
        .iter()
        .find(|(partition, offset)| *offset >= index.span(*partition).end);
    match (lost, bad) {
        (Some(_), true) => Err(damaged(
            active,
            bytes,
            "the message store has taken a record from here that does not read any more",
        )),
        (Some((partition, _)), false) => Err(missing(active.path.clone(), *partition)),
        (None, true) => Ok(Some(Cut {
            path: active.path.clone(),
            bytes,
        })),
        (None, false) => Ok(None),
    }
}

/// How many bytes there are up to the last that is not zero. By blocks: most of a segment may be
/// zeros.
fn used(bytes: &[u8]) -> usize {
    static ZEROS: [u8; 4_096] = [0; 4_096];
    let mut end = bytes.len();
    for block in bytes.rchunks(ZEROS.len()) {
        if !ZEROS.starts_with(block) {
            let last = block.iter().rposition(|byte| *byte != 0);
            return end - block.len() + last.map_or(0, |last| last + 1);
        }
        end -= block.len();
    }
    0
}

/// The first valid frame behind the end of the good ones that was written after what stands there
/// had been synced. A newer program's frame refuses the log.
fn proof_behind(active: &Segment, scan: &Scan, end: u64) -> Result<Option<u64>, OpenError> {
    let mut proof = None;
    for position in scan.end + 1..end {
        match decode_at(active, &scan.bytes, position) {
            Found::Frame(frame) if frame.synced > scan.end => proof = proof.or(Some(position)),
            Found::Newer(kind) => return Err(newer(active, position, kind)),
            Found::Frame(_) | Found::Nothing | Found::Bad => {}
        }
    }
    Ok(proof)
}

/// Makes the tail fit to be written behind: what was cut is zeroed, and what no watermark proves
/// is written once more before it is synced, for after a failed sync the page cache may hold
/// bytes that the disk does not, and a second sync would not say so.
pub(super) fn mend_tail(recovered: &Recovered) -> io::Result<()> {
    let file = &recovered.active.file;
    let first = SegmentHeader::size(recovered.active.header.next.len()) as u64;
    let from = recovered.synced.max(first);
    let mut tail = vec![0; usize::try_from(recovered.end - from).unwrap_or(0)];
    file.read_at(from, &mut tail)?;
    if let Some(cut) = &recovered.cut {
        let size = usize::try_from(cut.bytes.end - cut.bytes.start).unwrap_or(0);
        tail.resize(tail.len() + size, 0);
    }
    if !tail.is_empty() {
        file.write_at(from, &tail)?;
    }
    file.sync()
}
