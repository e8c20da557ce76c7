//! The lag guard: nothing is taken that the fold may not reach before the log lets it go.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

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
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    at: Instant,
    late: BTreeSet<PartitionId>,
}

impl LagGuard {
    pub fn new(log: Arc<dyn EventLog>, clock: Arc<dyn Clock>, limits: LagLimits) -> Self {
        let seen = Seen {
            at: Instant::now(),
            late: BTreeSet::new(),
        };
        Self {
            log,
            clock,
            limits,
            seen: Mutex::new(seen),
        }
    }

    /// Whether a partition may take more.
    pub fn check(&self, partition: PartitionId) -> Result<(), Error> {
        let seen = self.lock();
        if seen.at.elapsed() > self.limits.unknown || seen.late.contains(&partition) {
            return Err(Error::LogLag);
        }
        Ok(())
    }

    /// One look at all partitions.
    pub async fn look(&self) -> Result<(), Error> {
        let age_ms = u64::try_from(self.limits.age.as_millis()).unwrap_or(u64::MAX);
        let now = self.clock.now();
        let oldest = now.saturating_sub(age_ms);
        let mut late = BTreeSet::new();
        let (mut records, mut age) = (0, 0);
        for partition in (0..self.log.partitions()).map(PartitionId) {
            let committed = match self.log.committed(partition).await? {
                Some(committed) => committed,
                None => self.log.span(partition).await?.start,
            };
            let waiting = self.log.oldest_at(partition, committed).await?;
            let Some(appended_at) = waiting else { continue };
            if appended_at < oldest {
                late.insert(partition);
            }
            age = age.max(appended_at.until(now));
            let end = self.log.span(partition).await?.end;
            records += end.0.saturating_sub(committed.0);
        }
        metrics().lag_records.count(records, ());
        metrics().lag_age.seconds(Duration::from_millis(age), ());
        metrics().late.count(late.len() as u64, ());
        if !late.is_empty() {
            tracing::error!(partitions = late.len(), "records wait too long in the log");
        }
        *self.lock() = Seen {
            at: Instant::now(),
            late,
        };
        Ok(())
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

    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
