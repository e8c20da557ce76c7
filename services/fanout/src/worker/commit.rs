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
        lock(&self.0).extend(positions);
    }

    /// These are another worker's now.
    pub fn forget(&self, ids: &[PartitionId]) {
        lock(&self.0).retain(|id, _| !ids.contains(id));
    }

    fn all(&self) -> Positions {
        lock(&self.0).clone()
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
    /// What may be told.
    synced: Mutex<Positions>,
    /// Held while the log is told. Whoever holds it tells all that is synced.
    told: tokio::sync::Mutex<Positions>,
}

#[derive(Debug)]
struct Begun {
    /// What the last commit is about, unless one came to nothing since.
    positions: Positions,
    all_at: Instant,
}

/// One commit.
struct Commit<'a> {
    committer: &'a Committer,
    positions: Positions,
    /// Something may not have been synced.
    moved: bool,
    /// When all had been told before, if the log is told again what it was told.
    again: Option<Instant>,
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
                positions: Positions::new(),
                all_at: Instant::now(),
            }),
            synced: Mutex::default(),
            told: tokio::sync::Mutex::default(),
        }
    }

    /// Commits what was done when this began. Costs nothing where nothing moved since the last one
    /// began: that one tells it.
    pub async fn commit(&self) -> Result<(), Error> {
        let Some(mut commit) = self.begin() else {
            return Ok(());
        };
        if commit.moved {
            self.store.sync().await?;
            let mut synced = lock(&self.synced);
            for (id, next) in &commit.positions {
                let highest = synced.entry(*id).or_insert(*next);
                *highest = (*next).max(*highest);
            }
        }
        let mut told = self.told.lock().await;
        let list = self.list(&mut told, commit.again.is_some());
        if !list.is_empty() {
            self.log.commit(&list).await?;
            told.extend(list.iter().copied());
            let before = self.clock.now().saturating_sub(RELEASE_BEHIND_MS);
            self.log.release(&list, before).await?;
        }
        commit.is_done = commit.is_told(&told);
        Ok(())
    }

    /// The same, and it does not rely on one that is under way.
    pub async fn commit_now(&self) -> Result<(), Error> {
        lock(&self.begun).positions.clear();
        self.commit().await
    }

    fn begin(&self) -> Option<Commit<'_>> {
        let positions = self.progress.all();
        let mut begun = lock(&self.begun);
        begun.positions.retain(|id, _| positions.contains_key(id));
        let moved = positions != begun.positions;
        let is_due = begun.all_at.elapsed() >= TOLD_AGAIN;
        let again = is_due.then(|| std::mem::replace(&mut begun.all_at, Instant::now()));
        if !moved && again.is_none() {
            return None;
        }
        begun.positions.clone_from(&positions);
        drop(begun);
        Some(Commit {
            committer: self,
            positions,
            moved,
            again,
            is_done: false,
        })
    }

    /// What is synced and was not told, or all of it again. Never below what was told, and nothing
    /// of a partition that has left, or has come back from another worker, meanwhile.
    fn list(&self, told: &mut Positions, again: bool) -> Vec<(PartitionId, Offset)> {
        let still = self.progress.all();
        let mut synced = lock(&self.synced);
        synced.retain(|id, next| still.get(id).is_some_and(|now| now >= next));
        told.retain(|id, _| still.contains_key(id));
        let positions = synced.iter().map(|(id, next)| (*id, *next));
        positions
            .filter(|(id, next)| match told.get(id) {
                Some(before) => before < next || again && before == next,
                None => true,
            })
            .collect()
    }
}

impl Commit<'_> {
    fn is_told(&self, told: &Positions) -> bool {
        let mut positions = self.positions.iter();
        positions.all(|(id, next)| told.get(id).is_some_and(|before| before >= next))
    }
}

/// What came to nothing is begun again.
impl Drop for Commit<'_> {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let mut begun = lock(&self.committer.begun);
        begun.positions.clear();
        if let Some(all_at) = self.again {
            begun.all_at = all_at;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
