//! The lag guard: nothing is taken that the fold may not reach before the log lets it go.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use xchat_ports::{Clock, EventLog};
use xchat_types::PartitionId;

use crate::{Error, metrics::metrics};

/// When the guard refuses.
#[derive(Clone, Copy, Debug)]
pub struct LagLimits {
    /// Age of the oldest record that is not folded.
    pub age: Duration,
    /// Between two looks.
    pub interval: Duration,
    /// Since the last successful look.
    pub unknown: Duration,
}

/// Looks at the log by itself and answers from what it saw.
#[derive(Debug)]
pub struct LagGuard {
    log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    limits: LagLimits,
    /// By partition.
    seen: Mutex<Vec<Seen>>,
}

/// What is known of a partition.
#[derive(Clone, Copy, Debug)]
struct Seen {
    at: Instant,
    late: bool,
}

/// What waits in a partition to be folded.
#[derive(Clone, Copy, Debug, Default)]
struct Waiting {
    records: u64,
    /// Of the oldest.
    age_ms: u64,
}

/// Partitions asked about at once.
const AT_ONCE: usize = 16;

impl LagGuard {
    pub fn new(log: Arc<dyn EventLog>, clock: Arc<dyn Clock>, limits: LagLimits) -> Self {
        let unknown = Seen {
            at: Instant::now(),
            late: false,
        };
        let seen = (0..log.partitions()).map(|_| unknown).collect();
        Self {
            log,
            clock,
            limits,
            seen: Mutex::new(seen),
        }
    }

    /// Whether a partition may take more.
    pub fn check(&self, partition: PartitionId) -> Result<(), Error> {
        let seen = usize::try_from(partition.0)
            .ok()
            .and_then(|at| self.lock().get(at).copied());
        match seen {
            Some(seen) if !seen.late && seen.at.elapsed() <= self.limits.unknown => Ok(()),
            Some(_) | None => Err(Error::LogLag),
        }
    }

    /// One look at all partitions. Of those that can't be asked about nothing new is known; the
    /// last error says why.
    pub async fn look(&self) -> Result<(), Error> {
        let limit_ms = u64::try_from(self.limits.age.as_millis()).unwrap_or(u64::MAX);
        let ids = (0..self.log.partitions()).map(PartitionId);
        let looks = ids.map(|id| async move { (id, self.waiting(id).await) });
        let found = stream::iter(looks).buffer_unordered(AT_ONCE);
        let found: Vec<_> = found.collect().await;
        let (mut records, mut age_ms, mut late, mut outcome) = (0, 0, 0, Ok(()));
        let mut seen = self.lock();
        for (id, waiting) in found {
            let waiting = match waiting {
                Ok(waiting) => waiting,
                Err(error) => {
                    outcome = Err(error);
                    continue;
                }
            };
            let is_late = waiting.age_ms > limit_ms;
            let at = usize::try_from(id.0).ok();
            if let Some(seen) = at.and_then(|at| seen.get_mut(at)) {
                *seen = Seen {
                    at: Instant::now(),
                    late: is_late,
                };
            }
            late += u64::from(is_late);
            records += waiting.records;
            age_ms = age_ms.max(waiting.age_ms);
        }
        drop(seen);
        metrics().lag_records.count(records, ());
        metrics().lag_age.seconds(Duration::from_millis(age_ms), ());
        metrics().late.count(late, ());
        if late > 0 {
            tracing::error!(partitions = late, "records wait too long in the log");
        }
        outcome
    }

    async fn waiting(&self, partition: PartitionId) -> Result<Waiting, Error> {
        let span = self.log.span(partition).await?;
        let committed = self.log.committed(partition).await?.unwrap_or(span.start);
        let Some(appended_at) = self.log.oldest_at(partition, committed).await? else {
            return Ok(Waiting::default());
        };
        Ok(Waiting {
            records: span.end.0.saturating_sub(committed.0),
            age_ms: appended_at.until(self.clock.now()),
        })
    }

    /// Looks until stopped.
    pub async fn run(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Some(Err(cause)) = stop.run_until_cancelled(self.look()).await {
                tracing::warn!(%cause, "the log's lag is unknown");
            }
            stop.run_until_cancelled(tokio::time::sleep(self.limits.interval))
                .await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
