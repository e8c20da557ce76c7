//! The one thread that writes: group commit.
//!
//! What arrives while a sync is under way shares the next one. Nothing is acknowledged, and no
//! reader sees it, before its sync has returned. A write or sync that fails ends its segment: the
//! kernel may have dropped the pages and would let the next sync succeed, so the next append goes
//! to a new file, whose head says where the old one counts no more.

use std::{
    io,
    path::PathBuf,
    sync::{Arc, mpsc::Receiver},
    time::Instant,
};

use xchat_ports::{
    Clock, PortError,
    event_log::{Append, Appended, Entry},
};
use xchat_types::{LogId, Millis, Offset};

use super::{
    Shared,
    disk::Disk,
    frame::{self, MARK_SIZE, Place},
    gathering::{Command, Gathering, Slot, Slots},
    header::SegmentHeader,
    index::Location,
    options::LogOptions,
    segment::Segment,
};
use crate::error::port_error;

/// Bytes of one write, unless a single record is larger.
const MAX_BATCH_BYTES: usize = 4 * 1_024 * 1_024;

pub(super) struct Writer {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) folder: PathBuf,
    pub(super) log: LogId,
    pub(super) options: LogOptions,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) shared: Arc<Shared>,
    pub(super) active: Arc<Segment>,
    /// Where the next frame goes; everything before it is synced.
    pub(super) position: u64,
    /// Next offset of each partition.
    pub(super) next: Vec<u64>,
    pub(super) last_appended_at: Millis,
    /// Append time of the active segment's first record.
    pub(super) first_at: Option<Millis>,
    /// The active segment must not be written to any more.
    pub(super) ended: bool,
}

/// Frames for one write.
struct Batch {
    bytes: Vec<u8>,
    frames: Vec<(Location, Entry)>,
    /// Next offsets when it is written.
    next: Vec<u64>,
}

impl Writer {
    pub(super) fn run(mut self, commands: &Receiver<Command>) {
        let mut gathering = Gathering::default();
        loop {
            let round = gathering.next(commands, self.options.max_window);
            if !round.requests.is_empty() {
                let started = Instant::now();
                self.serve(Slots::new(round.requests));
                gathering.wrote(started.elapsed());
            }
            if let Some(done) = round.roll {
                self.close_spent();
                // Whoever asked may have gone.
                let _ = done.send(());
            }
            if round.stop {
                return self.stop();
            }
        }
    }

    fn serve(&mut self, mut all: Slots) {
        let mut rest = all.list.as_mut_slice();
        while !rest.is_empty() {
            let written = match self.write_some(rest) {
                Ok(count) => count,
                Err(error) => {
                    tracing::error!(%error, "the event log could not be written");
                    for slot in rest {
                        slot.answer.get_or_insert_with(|| Err(port_error(&error)));
                    }
                    break;
                }
            };
            rest = rest.get_mut(written..).unwrap_or_default();
        }
        all.reply(|| Err(PortError::unavailable("the event log has stopped")));
    }

    /// Writes and syncs records from the front, as many as fit together, and answers them. Returns
    /// how many that were.
    fn write_some(&mut self, slots: &mut [Slot]) -> io::Result<usize> {
        let now = self.clock.now().max(self.last_appended_at);
        let first = slots
            .iter()
            .find(|slot| self.refuse(&slot.append).is_none());
        if let Some(slot) = first {
            self.make_room(frame_size(&slot.append), now)?;
        }
        let mut batch = Batch {
            bytes: Vec::new(),
            frames: Vec::new(),
            next: self.next.clone(),
        };
        let mut taken = 0;
        for slot in slots.iter_mut() {
            if let Some(refusal) = self.refuse(&slot.append) {
                slot.answer = Some(Err(refusal));
            } else if self.fits(&batch, frame_size(&slot.append)) {
                slot.answer = self.encode(&mut batch, &slot.append, now).map(Ok);
            } else {
                break;
            }
            taken += 1;
        }
        if let Err(error) = self.commit(batch, now) {
            for slot in slots
                .iter_mut()
                .filter(|slot| matches!(slot.answer, Some(Ok(_))))
            {
                slot.answer = None;
            }
            return Err(error);
        }
        Ok(taken)
    }

    fn refuse(&self, append: &Append) -> Option<PortError> {
        let head = SegmentHeader::size(self.next.len()) as u64;
        let room = u64::from(self.options.segment_bytes).saturating_sub(head + MARK_SIZE as u64);
        if append.partition.0 >= self.options.partitions {
            Some(PortError::Conflict("the log has no such partition"))
        } else if frame_size(append) > room {
            Some(PortError::TooLarge("a record must fit into a log segment"))
        } else {
            None
        }
    }

    fn left(&self) -> u64 {
        self.active.header.length.saturating_sub(self.position)
    }

    fn fits(&self, batch: &Batch, size: u64) -> bool {
        let end = batch.bytes.len() as u64 + size;
        let within = batch.bytes.is_empty() || end <= MAX_BATCH_BYTES as u64;
        within && end <= self.left()
    }

    fn encode(&self, batch: &mut Batch, append: &Append, now: Millis) -> Option<Appended> {
        let next = batch
            .next
            .get_mut(usize::try_from(append.partition.0).ok()?)?;
        let offset = Offset(*next);
        let place = Place {
            segment: self.active.header.number,
            position: self.position + batch.bytes.len() as u64,
        };
        let entry = Entry {
            partition: append.partition,
            offset,
            appended_at: now,
            conversation: append.conversation,
            record: append.record.clone(),
            trace: append.trace,
        };
        let end = place.position + frame_size(append);
        let location = Location::new(place.segment, place.position, end)?;
        frame::encode_record(&mut batch.bytes, place, self.position, &entry);
        batch.frames.push((location, entry));
        *next += 1;
        Some(Appended {
            offset,
            appended_at: now,
        })
    }

    /// One write, one sync; then readers may see it.
    fn commit(&mut self, batch: Batch, now: Millis) -> io::Result<()> {
        if batch.bytes.is_empty() {
            return Ok(());
        }
        self.write(&batch.bytes)?;
        self.next = batch.next;
        self.last_appended_at = now;
        self.first_at.get_or_insert(now);
        self.shared.publish(batch.frames);
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = &self.active.file;
        let written = file
            .write_at(self.position, bytes)
            .and_then(|()| file.sync());
        if let Err(error) = written {
            self.ended = true;
            return Err(error);
        }
        self.position += bytes.len() as u64;
        Ok(())
    }

    fn make_room(&mut self, size: u64, now: Millis) -> io::Result<()> {
        let age = u64::try_from(self.options.segment_age.as_millis()).unwrap_or(u64::MAX);
        let old = self.first_at.is_some_and(|first| first.until(now) >= age);
        if self.ended || old || size > self.left() {
            self.roll()?;
        }
        Ok(())
    }

    /// Goes on in a new segment. Once its file may be there, the old one is never written again.
    fn roll(&mut self) -> io::Result<()> {
        self.ended = true;
        let header = SegmentHeader {
            log: self.log,
            number: self.active.header.number + 1,
            length: u64::from(self.options.segment_bytes),
            previous_end: self.position,
            last_appended_at: self.last_appended_at,
            next: self.next.clone(),
        };
        let position = SegmentHeader::size(self.next.len()) as u64;
        let segment = Segment::create(&*self.disk, &self.folder, header)?;
        if let Err(error) = self.active.file.shrink(self.position) {
            tracing::warn!(%error, "a closed log segment keeps space that it does not need");
        }
        self.active = Arc::new(segment);
        self.position = position;
        self.first_at = None;
        self.ended = false;
        self.shared.add_segment(Arc::clone(&self.active));
        Ok(())
    }

    fn close_spent(&mut self) {
        if self.first_at.is_some()
            && let Err(error) = self.roll()
        {
            tracing::warn!(%error, "a spent log segment could not be closed");
        }
    }

    /// A clean stop leaves a watermark behind the last record.
    fn stop(&mut self) {
        if !self.ended
            && let Err(error) = self.mark()
        {
            tracing::warn!(%error, "the event log stopped without its watermark");
        }
    }

    /// Writes a frame that says that all before it is synced.
    pub(super) fn mark(&mut self) -> io::Result<()> {
        if self.left() < MARK_SIZE as u64 {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity(MARK_SIZE);
        let place = Place {
            segment: self.active.header.number,
            position: self.position,
        };
        frame::encode_mark(&mut bytes, place);
        self.write(&bytes)
    }
}

fn frame_size(append: &Append) -> u64 {
    frame::record_size(&append.record, append.trace)
}
