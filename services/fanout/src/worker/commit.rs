//! How far the fold has got, told to the log: never before the store has synced.
//!
//! Stores acknowledge before they sync. An offset that is committed is not read again, so
//! everything below it must survive a power cut first.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use xchat_ports::{Clock, EventLog, MessageStore};
use xchat_types::{Offset, PartitionId};

use crate::Error;

/// The log may delete what lies below the committed offset and is older than this.
const RELEASE_BEHIND_MS: u64 = 6 * 3_600_000;

type Positions = BTreeMap<PartitionId, Offset>;

/// Next offsets below which everything is written, marked and pushed.
#[derive(Debug, Default)]
pub struct Progress(Mutex<Positions>);

impl Progress {
    pub fn advance(&self, positions: Positions) {
        self.lock().extend(positions);
    }

    /// These are another worker's now.
    pub fn forget(&self, ids: &[PartitionId]) {
        self.lock().retain(|id, _| !ids.contains(id));
    }

    fn all(&self) -> Positions {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Positions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The log may lose what it was told: after so long it is told again, or an idle partition would
/// look as if it lagged.
const TOLD_AGAIN: Duration = Duration::from_secs(30);

/// Syncs, then commits. A store may take many commit intervals to sync, so commits may overlap:
/// else what is told would be up to two syncs old, and a worker that follows would fold all of it
/// again.
#[derive(Debug)]
pub struct Committer {
    log: Arc<dyn EventLog>,
    store: Arc<dyn MessageStore>,
    clock: Arc<dyn Clock>,
    progress: Arc<Progress>,
    begun: Mutex<Begun>,
    /// Held while the log is told.
    told: tokio::sync::Mutex<Positions>,
}

#[derive(Debug)]
struct Begun {
    /// What the last commit is about, unless one failed since.
    positions: Positions,
    all_at: Instant,
}

/// One commit.
struct Commit<'a> {
    committer: &'a Committer,
    positions: Positions,
    /// Something may not have been synced.
    moved: bool,
    /// Also what the log was told before.
    again: bool,
    is_done: bool,
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
            begun: Mutex::new(Begun {
                positions: BTreeMap::new(),
                all_at: Instant::now(),
            }),
            told: tokio::sync::Mutex::default(),
        }
    }

    /// Commits what was done when this began. Costs nothing where nothing moved.
    pub async fn commit(&self) -> Result<(), Error> {
        let Some(mut commit) = self.begin() else {
            return Ok(());
        };
        if commit.moved {
            self.store.sync().await?;
        }
        let mut told = self.told.lock().await;
        // A store may take its time, and meanwhile some are another worker's.
        let still = self.progress.all();
        told.retain(|id, _| still.contains_key(id));
        let list = commit.list(&still, &told);
        if !list.is_empty() {
            self.log.commit(&list).await?;
            let before = self.clock.now().saturating_sub(RELEASE_BEHIND_MS);
            self.log.release(&list, before).await?;
            told.extend(list);
        }
        commit.is_done = true;
        Ok(())
    }

    fn begin(&self) -> Option<Commit<'_>> {
        let positions = self.progress.all();
        let mut begun = self.begun();
        let again = begun.all_at.elapsed() >= TOLD_AGAIN;
        let moved = positions != begun.positions;
        begun.positions.clone_from(&positions);
        if again {
            begun.all_at = Instant::now();
        }
        drop(begun);
        if !moved && !again {
            return None;
        }
        Some(Commit {
            committer: self,
            positions,
            moved,
            again,
            is_done: false,
        })
    }

    fn begun(&self) -> MutexGuard<'_, Begun> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Commit<'_> {
    /// What the log is told: never less than before, and what another commit still syncs is left to
    /// that one.
    fn list(&self, still: &Positions, told: &Positions) -> Vec<(PartitionId, Offset)> {
        let positions = self.positions.iter().map(|(id, next)| (*id, *next));
        let kept = positions.filter(|(id, _)| still.contains_key(id));
        kept.filter(|(id, next)| match told.get(id) {
            Some(before) if before == next => self.again,
            Some(before) => self.moved && before < next,
            None => self.moved,
        })
        .collect()
    }
}

/// What came to nothing is begun again.
impl Drop for Commit<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            self.committer.begun().positions.clear();
        }
    }
}
