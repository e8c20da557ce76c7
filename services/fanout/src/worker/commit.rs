//! How far the fold has got, told to the log: never before the store has synced.
//!
//! Stores acknowledge before they sync. An offset that is committed is not read again, so
//! everything below it must survive a power cut first.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use xchat_ports::{Clock, EventLog, MessageStore};
use xchat_types::{Offset, PartitionId};

use crate::Error;

/// The log may delete what lies below the committed offset and is older than this.
const RELEASE_BEHIND_MS: u64 = 6 * 3_600_000;

/// Next offsets below which everything is written, marked and pushed.
#[derive(Debug, Default)]
pub struct Progress(Mutex<BTreeMap<PartitionId, Offset>>);

impl Progress {
    pub fn advance(&self, positions: BTreeMap<PartitionId, Offset>) {
        self.lock().extend(positions);
    }

    /// These are another worker's now.
    pub fn forget(&self, ids: &[PartitionId]) {
        self.lock().retain(|id, _| !ids.contains(id));
    }

    fn all(&self) -> BTreeMap<PartitionId, Offset> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<PartitionId, Offset>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The log may lose what it was told: after so long it is told again, or an idle partition would
/// look as if it lagged.
const TOLD_AGAIN: Duration = Duration::from_secs(30);

/// Syncs, then commits.
#[derive(Debug)]
pub struct Committer {
    log: Arc<dyn EventLog>,
    store: Arc<dyn MessageStore>,
    clock: Arc<dyn Clock>,
    progress: Arc<Progress>,
    committed: BTreeMap<PartitionId, Offset>,
    all_told_at: Instant,
}

impl Committer {
    pub fn new(
        log: Arc<dyn EventLog>,
        store: Arc<dyn MessageStore>,
        clock: Arc<dyn Clock>,
        progress: Arc<Progress>,
    ) -> Self {
        Self {
            log,
            store,
            clock,
            progress,
            committed: BTreeMap::new(),
            all_told_at: Instant::now(),
        }
    }

    /// Commits what was done when this began. Costs nothing where nothing moved.
    pub async fn commit(&mut self) -> Result<(), Error> {
        let mut positions = self.progress.all();
        self.committed.retain(|id, _| positions.contains_key(id));
        let again = self.all_told_at.elapsed() >= TOLD_AGAIN;
        let moved = positions != self.committed;
        if !again {
            positions.retain(|partition, next| self.committed.get(partition) != Some(next));
        }
        if positions.is_empty() {
            return Ok(());
        }
        if moved {
            self.store.sync().await?;
            // A store may take its time, and meanwhile some are another worker's.
            let still = self.progress.all();
            positions.retain(|partition, _| still.contains_key(partition));
        }
        let told: Vec<_> = positions.iter().map(|(id, next)| (*id, *next)).collect();
        self.log.commit(&told).await?;
        let before = self.clock.now().saturating_sub(RELEASE_BEHIND_MS);
        self.log.release(&told, before).await?;
        self.committed.extend(positions);
        if again {
            self.all_told_at = Instant::now();
        }
        Ok(())
    }
}
