//! Where each record stands, and the newest records themselves, in memory.
//!
//! Only what is synced gets in: a reader never sees a record that a power cut could take back.

use std::{collections::VecDeque, sync::Arc};

use xchat_ports::event_log::{Entry, Span};
use xchat_types::{Millis, Offset, PartitionId};

use super::segment::Segment;

/// Bytes of newest records that are kept for the readers that keep up.
const RECENT_BYTES: usize = 16 * 1_024 * 1_024;

#[derive(Debug)]
pub(super) struct Index {
    partitions: Vec<Partition>,
    /// In order of their numbers; the last one is written to.
    segments: VecDeque<Arc<Segment>>,
    /// Partitions of the recent records, oldest first.
    order: VecDeque<PartitionId>,
    recent_bytes: usize,
    last_appended_at: Millis,
}

#[derive(Debug, Default)]
struct Partition {
    /// Offset of the first place.
    start: u64,
    places: VecDeque<Location>,
    /// The last so many records.
    recent: VecDeque<Entry>,
}

/// A frame in a segment file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Location {
    pub(super) segment: u32,
    pub(super) position: u32,
    /// Of the whole frame.
    pub(super) size: u32,
}

impl Location {
    /// The frame of `segment` from `position` to `next`; `None` beyond what a location can hold.
    pub(super) fn new(segment: u64, position: u64, next: u64) -> Option<Self> {
        Some(Self {
            segment: u32::try_from(segment).ok()?,
            position: u32::try_from(position).ok()?,
            size: u32::try_from(next.checked_sub(position)?).ok()?,
        })
    }
}

/// A record that a reader asked for: at hand, or to be read from its file.
#[derive(Debug)]
pub(super) enum Wanted {
    Ready(Entry),
    Stored {
        segment: Arc<Segment>,
        location: Location,
    },
}

impl Partition {
    fn end(&self) -> u64 {
        self.start + self.places.len() as u64
    }

    fn recent(&self, offset: u64) -> Option<&Entry> {
        let first = self.end() - self.recent.len() as u64;
        let at = usize::try_from(offset.checked_sub(first)?).ok()?;
        self.recent.get(at)
    }

    fn location(&self, offset: u64) -> Option<Location> {
        let at = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        self.places.get(at).copied()
    }

    fn release(&mut self, below: u64) {
        while self.start < below && self.places.pop_front().is_some() {
            self.start += 1;
        }
        self.start = self.start.max(below);
    }
}

impl Index {
    /// An index that begins with its first segment.
    pub(super) fn new(first: &Segment) -> Self {
        let partitions = first
            .header
            .next
            .iter()
            .map(|start| Partition {
                start: *start,
                ..Partition::default()
            })
            .collect();
        Self {
            partitions,
            segments: VecDeque::new(),
            order: VecDeque::new(),
            recent_bytes: 0,
            last_appended_at: first.header.last_appended_at,
        }
    }

    pub(super) fn add_segment(&mut self, segment: Arc<Segment>) {
        self.segments.push_back(segment);
    }

    fn partition(&self, partition: PartitionId) -> Option<&Partition> {
        self.partitions.get(usize::try_from(partition.0).ok()?)
    }

    fn partition_mut(&mut self, partition: PartitionId) -> Option<&mut Partition> {
        self.partitions.get_mut(usize::try_from(partition.0).ok()?)
    }

    /// Next offset of every partition.
    pub(super) fn next(&self) -> Vec<u64> {
        self.partitions.iter().map(Partition::end).collect()
    }

    pub(super) const fn last_appended_at(&self) -> Millis {
        self.last_appended_at
    }

    pub(super) fn span(&self, partition: PartitionId) -> Span {
        self.partition(partition).map_or(
            Span {
                start: Offset(0),
                end: Offset(0),
            },
            |log| Span {
                start: Offset(log.start),
                end: Offset(log.end()),
            },
        )
    }

    /// Adds the record that follows in its partition; `false` if it does not follow, or goes back
    /// in time.
    pub(super) fn add(&mut self, location: Location, entry: Entry) -> bool {
        let partition = entry.partition;
        let appended_at = entry.appended_at;
        let size = entry.record.len();
        let in_time = appended_at >= self.last_appended_at;
        let Some(log) = self.partition_mut(partition) else {
            return false;
        };
        if !in_time || entry.offset.0 != log.end() {
            return false;
        }
        log.places.push_back(location);
        log.recent.push_back(entry);
        self.last_appended_at = appended_at;
        self.order.push_back(partition);
        self.recent_bytes += size;
        self.forget_old();
        true
    }

    fn forget_old(&mut self) {
        while self.recent_bytes > RECENT_BYTES {
            let Some(partition) = self.order.pop_front() else {
                return;
            };
            let oldest = self
                .partition_mut(partition)
                .and_then(|log| log.recent.pop_front());
            let size = oldest.map_or(0, |entry| entry.record.len());
            self.recent_bytes = self.recent_bytes.saturating_sub(size);
        }
    }

    /// What a read returns: whole partitions in the order given, up to about `max_bytes`.
    pub(super) fn wanted(
        &self,
        positions: impl Iterator<Item = (PartitionId, Offset)>,
        max_bytes: usize,
    ) -> Vec<Wanted> {
        let mut found = Vec::new();
        let mut bytes = 0_usize;
        for (partition, from) in positions {
            let Some(log) = self.partition(partition) else {
                continue;
            };
            for offset in from.0.max(log.start)..log.end() {
                let Some((wanted, size)) = self.find(log, offset) else {
                    break;
                };
                bytes = bytes.saturating_add(size);
                if !found.is_empty() && bytes > max_bytes {
                    return found;
                }
                found.push(wanted);
            }
        }
        found
    }

    /// The first record at or above an offset.
    pub(super) fn first_from(&self, partition: PartitionId, from: Offset) -> Option<Wanted> {
        let log = self.partition(partition)?;
        Some(self.find(log, from.0.max(log.start))?.0)
    }

    fn find(&self, log: &Partition, offset: u64) -> Option<(Wanted, usize)> {
        if let Some(entry) = log.recent(offset) {
            return Some((Wanted::Ready(entry.clone()), entry.record.len()));
        }
        let location = log.location(offset)?;
        let first = self.segments.front()?.header.number;
        let at = u64::from(location.segment).checked_sub(first)?;
        let segment = self.segments.get(usize::try_from(at).ok()?)?;
        let wanted = Wanted::Stored {
            segment: Arc::clone(segment),
            location,
        };
        Some((wanted, usize::try_from(location.size).ok()?))
    }

    /// Whether the active segment holds records, and all of them may go.
    pub(super) fn active_is_spent(&self, below: &[(PartitionId, Offset)], before: Millis) -> bool {
        let Some(active) = self.segments.back() else {
            return false;
        };
        let ends = self.next();
        ends != active.header.next
            && self.last_appended_at < before
            && may_go(&active.header.next, &ends, below)
    }

    /// Whether there is a segment to take out.
    pub(super) fn can_release(&self, below: &[(PartitionId, Offset)], before: Millis) -> bool {
        let (Some(first), Some(second)) = (self.segments.front(), self.segments.get(1)) else {
            return false;
        };
        second.header.last_appended_at < before
            && may_go(&first.header.next, &second.header.next, below)
    }

    /// Takes the segments out, oldest first, whose records all lie below the positions and were
    /// appended before a time. The one that is written to stays.
    pub(super) fn release(
        &mut self,
        below: &[(PartitionId, Offset)],
        before: Millis,
    ) -> Vec<Arc<Segment>> {
        let mut gone = Vec::new();
        while self.can_release(below, before) {
            gone.extend(self.segments.pop_front());
            let starts = self
                .segments
                .front()
                .map(|first| first.header.next.as_slice());
            for (log, start) in self.partitions.iter_mut().zip(starts.unwrap_or_default()) {
                log.release(*start);
            }
        }
        gone
    }
}

/// Whether no partition has a record in `starts..ends` at or above its position in `below`.
fn may_go(starts: &[u64], ends: &[u64], below: &[(PartitionId, Offset)]) -> bool {
    starts
        .iter()
        .zip(ends)
        .enumerate()
        .filter(|(_, (start, end))| start != end)
        .all(|(partition, (_, end))| {
            below
                .iter()
                .any(|(id, offset)| usize::try_from(id.0) == Ok(partition) && offset.0 >= *end)
        })
}
