//! Logs on temporary folders, with checkpoints that a test decides.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use tempfile::TempDir;
use xchat_adapter_embedded::{
    Checkpoints, Disk, EmbeddedEventLog, LogOptions, OpenError, SystemDisk,
};
use xchat_adapter_memory::{ManualClock, SeededRng};
use xchat_ports::{
    EventLog, PortResult, TraceContext,
    event_log::{Append, Entry},
};
use xchat_types::{ConversationId, LogId, Offset, PartitionId};

/// A folder in memory where the system has one: what a disk loses is up to the tests.
pub(crate) fn folder() -> TempDir {
    TempDir::new_in("/dev/shm")
        .or_else(|_| TempDir::new())
        .unwrap()
}

pub(crate) const PARTITIONS: u32 = 4;

/// Small segments, so that every test rolls.
pub(crate) fn options() -> LogOptions {
    LogOptions {
        partitions: PARTITIONS,
        segment_bytes: 8_192,
        ..LogOptions::default()
    }
}

/// Checkpoints that survive whatever happens to the log.
#[derive(Debug, Default)]
pub(crate) struct KeptCheckpoints {
    pub(crate) folded: Mutex<Vec<(PartitionId, Offset)>>,
    committed: Mutex<BTreeMap<(LogId, PartitionId), Offset>>,
}

#[async_trait]
impl Checkpoints for KeptCheckpoints {
    fn attach(&self, _log: LogId) -> PortResult<Vec<(PartitionId, Offset)>> {
        Ok(self.folded.lock().unwrap().clone())
    }

    async fn commit(&self, log: LogId, positions: &[(PartitionId, Offset)]) -> PortResult<()> {
        let mut committed = self.committed.lock().unwrap();
        committed.extend(positions.iter().map(|(id, offset)| ((log, *id), *offset)));
        Ok(())
    }

    async fn settle(&self) -> PortResult<()> {
        Ok(())
    }

    async fn committed(&self, log: LogId, partition: PartitionId) -> PortResult<Option<Offset>> {
        Ok(self
            .committed
            .lock()
            .unwrap()
            .get(&(log, partition))
            .copied())
    }
}

pub(crate) fn open_on(
    disk: Arc<dyn Disk>,
    folder: &Path,
    store: &Arc<KeptCheckpoints>,
) -> Result<EmbeddedEventLog, OpenError> {
    let clock = Arc::new(ManualClock::default());
    let rng = SeededRng::new(1);
    let store = Arc::<KeptCheckpoints>::clone(store);
    EmbeddedEventLog::open_on(disk, folder, options(), (clock, &rng), store)
}

pub(crate) fn open(
    folder: &Path,
    store: &Arc<KeptCheckpoints>,
) -> Result<EmbeddedEventLog, OpenError> {
    open_on(Arc::new(SystemDisk), folder, store)
}

/// Records of partition 0 have no trace.
pub(crate) fn append(partition: u32, text: &str) -> Append {
    Append {
        partition: PartitionId(partition),
        conversation: ConversationId::new([7; ConversationId::LEN]),
        record: Bytes::copy_from_slice(text.as_bytes()),
        trace: TraceContext::new([1; 16], u64::from(partition).to_be_bytes()),
    }
}

/// Everything that a log returns, by partition and offset.
pub(crate) async fn contents(
    log: &EmbeddedEventLog,
) -> PortResult<BTreeMap<(PartitionId, Offset), Entry>> {
    let mut positions: Vec<_> = (0..PARTITIONS)
        .map(|id| (PartitionId(id), Offset(0)))
        .collect();
    let mut found = BTreeMap::new();
    loop {
        let page = log.read(&positions, 10_000, Duration::ZERO).await?;
        if page.is_empty() {
            return Ok(found);
        }
        for entry in page {
            positions[entry.partition.0 as usize].1 = entry.offset.next();
            found.insert((entry.partition, entry.offset), entry);
        }
    }
}
