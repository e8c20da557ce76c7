//! One physical, segmented log for all partitions: one sync stream, one scan.
//!
//! Layout of its folder: `LOCK`, `log` (its identity) and numbered segments, each a head and
//! frames. Offsets are dense in each partition. A record is acknowledged after `fdatasync`, shared by
//! all that wait. Append times come from the clock and never go back within the log.

mod disk;
#[cfg(feature = "faults")]
pub mod faults;
mod frame;
mod gathering;
mod header;
mod identity;
mod index;
mod membership;
mod opening;
mod options;
mod recovery;
mod segment;
mod writer;

use std::{
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, Sender},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::{Notify, Semaphore, oneshot};
use xchat_ports::{
    Clock, EventLog, PortError, PortResult, Rng,
    event_log::{Append, Appended, Entry, Membership, Span},
};
use xchat_types::{LogId, Millis, Offset, PartitionId};

pub use self::{
    disk::{Disk, DiskFile, SystemDisk},
    options::LogOptions,
    recovery::Cut,
};
use self::{
    frame::{Found, Frame, Place},
    gathering::{Command, Request},
    identity::Identity,
    index::{Index, Location, Wanted},
    membership::OnlyMember,
    segment::Segment,
};
use crate::{Checkpoints, OpenError, error::port_error, lock::FolderLock};

/// Bytes of records that may wait for the writer; further appends wait for room.
const MAX_WAITING_KIB: u32 = 32 * 1_024;

/// The embedded event log. Dropping it stops it cleanly, and blocks for one last sync.
#[derive(Debug)]
pub struct EmbeddedEventLog {
    identity: Identity,
    cut: Option<Cut>,
    store: Arc<dyn Checkpoints>,
    disk: Arc<dyn Disk>,
    shared: Arc<Shared>,
    commands: Sender<Command>,
    room: Arc<Semaphore>,
    /// Which of the partitions asked for a read begins with, so that none starves.
    turn: AtomicUsize,
    /// The right to own all partitions.
    ownership: Arc<Semaphore>,
    writer: Mutex<Option<JoinHandle<()>>>,
    _lock: FolderLock,
}

/// What the writer and readers share.
#[derive(Debug)]
struct Shared {
    index: Mutex<Index>,
    appended: Notify,
}

impl Shared {
    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, frames: Vec<(Location, Entry)>) {
        let mut index = self.index();
        for (location, entry) in frames {
            let follows = index.add(location, entry);
            debug_assert!(follows, "the writer numbers records densely");
        }
        drop(index);
        self.appended.notify_waiters();
    }

    fn add_segment(&self, segment: Arc<Segment>) {
        self.index().add_segment(segment);
    }
}

impl EmbeddedEventLog {
    /// Opens the log in a folder, or begins one. Reads all segments; blocks.
    pub fn open(
        folder: &Path,
        options: LogOptions,
        clock: Arc<dyn Clock>,
        rng: &dyn Rng,
        store: Arc<dyn Checkpoints>,
    ) -> Result<Self, OpenError> {
        Self::open_on(Arc::new(SystemDisk), folder, options, (clock, rng), store)
    }

    /// Opens the log through a file layer.
    pub fn open_on(
        disk: Arc<dyn Disk>,
        folder: &Path,
        options: LogOptions,
        (clock, rng): (Arc<dyn Clock>, &dyn Rng),
        store: Arc<dyn Checkpoints>,
    ) -> Result<Self, OpenError> {
        let lock = FolderLock::take(folder)?;
        opening::check_options(folder, options)?;
        let identity = opening::find_identity(&*disk, folder, options, rng)?;
        let folded = store
            .attach(identity.id)
            .map_err(|error| OpenError::Unusable {
                path: folder.to_owned(),
                why: format!("the message store does not say how far it has got: {error}"),
            })?;
        let found = recovery::recover(&*disk, folder, identity, &folded)?;
        let recovered = match found {
            Some(recovered) => recovered,
            None => opening::begin(&*disk, folder, identity, options)?,
        };
        if let Some(cut) = &recovered.cut {
            tracing::warn!(
                file = %cut.path.display(),
                from = cut.bytes.start,
                to = cut.bytes.end,
                "cut a torn tail off the event log: records in it had not been acknowledged, \
                 unless this disk lost what it had synced",
            );
        }
        let cut = recovered.cut.clone();
        let (shared, writer) =
            opening::prepare(&disk, folder, identity, (options, clock), recovered)
                .map_err(|error| OpenError::io(folder, error))?;
        let (commands, receiver) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("event-log".to_owned())
            .spawn(move || writer.run(&receiver))
            .map_err(|error| OpenError::io(folder, error))?;
        Ok(Self {
            identity,
            cut,
            store,
            disk,
            shared,
            commands,
            room: Arc::new(Semaphore::new(MAX_WAITING_KIB as usize)),
            turn: AtomicUsize::new(0),
            ownership: Arc::new(Semaphore::new(1)),
            writer: Mutex::new(Some(thread)),
            _lock: lock,
        })
    }

    /// The torn tail that was cut off at open, if there was one.
    pub const fn cut(&self) -> Option<&Cut> {
        self.cut.as_ref()
    }

    /// Stops the writer after what it has been given, and leaves a watermark. Later appends are
    /// `Unavailable`; reads go on. Blocks.
    pub fn close(&self) {
        // A writer that has died can't be told.
        let _ = self.commands.send(Command::Stop);
        let thread = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the writer of the event log died");
        }
    }

    async fn collect(
        &self,
        positions: &[(PartitionId, Offset)],
        max_bytes: usize,
    ) -> PortResult<Vec<Entry>> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % positions.len().max(1);
        let rotated = positions
            .iter()
            .copied()
            .cycle()
            .skip(turn)
            .take(positions.len());
        let wanted = self.shared.index().wanted(rotated, max_bytes);
        fetch(wanted).await
    }
}

impl Drop for EmbeddedEventLog {
    fn drop(&mut self) {
        self.close();
    }
}

/// Reads from their files what is not at hand.
async fn fetch(wanted: Vec<Wanted>) -> PortResult<Vec<Entry>> {
    let stored = wanted
        .iter()
        .any(|wanted| matches!(wanted, Wanted::Stored { .. }));
    if !stored {
        return wanted.into_iter().map(load).collect();
    }
    tokio::task::spawn_blocking(|| wanted.into_iter().map(load).collect())
        .await
        .map_err(PortError::unavailable)?
}

fn load(wanted: Wanted) -> PortResult<Entry> {
    match wanted {
        Wanted::Ready(entry) => Ok(entry),
        Wanted::Stored { segment, location } => {
            let place = Place {
                segment: segment.header.number,
                position: u64::from(location.position),
            };
            let mut frame = vec![0; usize::try_from(location.size).unwrap_or(0)];
            segment
                .file
                .read_at(place.position, &mut frame)
                .map_err(|error| port_error(&error))?;
            match frame::decode_frame(place, &frame.into()) {
                Found::Frame(Frame {
                    entry: Some(entry), ..
                }) => Ok(entry),
                Found::Frame(_) | Found::Newer(_) | Found::Nothing | Found::Bad => {
                    Err(PortError::Corrupt(format!(
                        "{}: the frame in bytes {}..{} does not read any more",
                        segment.path.display(),
                        location.position,
                        u64::from(location.position) + u64::from(location.size),
                    )))
                }
            }
        }
    }
}

fn stopped() -> PortError {
    PortError::unavailable("the event log has stopped")
}

#[async_trait]
impl EventLog for EmbeddedEventLog {
    fn log_id(&self) -> LogId {
        self.identity.id
    }

    fn partitions(&self) -> u32 {
        self.identity.partitions
    }

    async fn append(&self, records: Vec<Append>) -> Vec<PortResult<Appended>> {
        let count = records.len();
        let bytes: usize = records.iter().map(|append| append.record.len()).sum();
        let kib = u32::try_from(bytes / 1_024 + 1).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(kib.min(MAX_WAITING_KIB));
        let (reply, answers) = oneshot::channel();
        if let Ok(room) = room.await {
            let request = Request {
                records,
                reply,
                room,
            };
            // A writer that is gone drops the request, and with it the reply.
            let _ = self.commands.send(Command::Append(request));
        }
        answers
            .await
            .unwrap_or_else(|_| (0..count).map(|_| Err(stopped())).collect())
    }

    async fn read(
        &self,
        positions: &[(PartitionId, Offset)],
        max_bytes: usize,
        wait: Duration,
    ) -> PortResult<Vec<Entry>> {
        let deadline = tokio::time::Instant::now() + wait;
        loop {
            let appended = self.shared.appended.notified();
            tokio::pin!(appended);
            appended.as_mut().enable();
            let found = self.collect(positions, max_bytes).await?;
            if !found.is_empty() || tokio::time::timeout_at(deadline, appended).await.is_err() {
                return Ok(found);
            }
        }
    }

    async fn span(&self, partition: PartitionId) -> PortResult<Span> {
        Ok(self.shared.index().span(partition))
    }

    async fn oldest_at(&self, partition: PartitionId, from: Offset) -> PortResult<Option<Millis>> {
        let wanted = self.shared.index().first_from(partition, from);
        let entries = fetch(wanted.into_iter().collect()).await?;
        Ok(entries.first().map(|entry| entry.appended_at))
    }

    async fn commit(&self, positions: &[(PartitionId, Offset)]) -> PortResult<()> {
        self.store.commit(self.identity.id, positions).await
    }

    async fn committed(&self, partition: PartitionId) -> PortResult<Option<Offset>> {
        self.store.committed(self.identity.id, partition).await
    }

    async fn release(&self, below: &[(PartitionId, Offset)], before: Millis) -> PortResult<()> {
        if self.shared.index().active_is_spent(below, before) {
            let (done, rolled) = oneshot::channel();
            if self.commands.send(Command::Roll(done)).is_ok() {
                // A writer that stops meanwhile leaves the segment for the next time.
                let _ = rolled.await;
            }
        }
        if !self.shared.index().can_release(below, before) {
            return Ok(());
        }
        self.store.settle().await?;
        let gone = self.shared.index().release(below, before);
        let disk = Arc::clone(&self.disk);
        tokio::task::spawn_blocking(move || {
            gone.iter()
                .try_for_each(|segment| disk.remove(&segment.path))
        })
        .await
        .map_err(PortError::unavailable)?
        .map_err(|error| port_error(&error))
    }

    async fn join(&self, _member: &str) -> PortResult<Box<dyn Membership>> {
        let ownership = Arc::clone(&self.ownership);
        Ok(Box::new(OnlyMember::new(
            ownership,
            self.identity.partitions,
        )))
    }
}
