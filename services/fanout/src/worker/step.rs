//! One read of the log, everything that follows from it, and which partitions are read.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use tokio::time::Instant;
use xchat_ports::{EventLog, TraceContext, event_log::Entry};
use xchat_runtime::{Span, meter::Label as _, trace::Side};
use xchat_types::{ConversationId, Offset, PartitionId};

use super::{
    Announcement, Announcer, Folder, commit::Progress, folder::Failure, partitions::Partitions,
};
use crate::{
    Error,
    domain::{Logged, Place},
    metrics::{Cause, Folded, metrics},
};

/// Runs of different conversations that are folded at the same time.
const PARALLEL_RUNS: usize = 16;

/// A worker between two reads of the log.
#[derive(Debug)]
pub struct Step {
    log: Arc<dyn EventLog>,
    folder: Folder,
    announcer: Announcer,
    partitions: Partitions,
    progress: Arc<Progress>,
    /// Of one read.
    max_bytes: usize,
    /// Folded and announced, but for marks that wait to be flushed.
    unflushed: BTreeMap<PartitionId, Offset>,
    unflushed_since: Option<Instant>,
}

struct Run {
    partition: PartitionId,
    first: Offset,
    records: Vec<Logged>,
    /// Of each record.
    traces: Vec<Option<TraceContext>>,
}

impl Run {
    /// What the stores are asked belongs to the first trace of those that are sampled.
    async fn fold(&self, folder: &Folder) -> Result<Vec<Announcement>, Failure> {
        let span = |of: &Option<TraceContext>| Span::continued("fanout.fold", Side::Consumer, *of);
        let spans: Vec<Span> = self.traces.iter().map(span).collect();
        let first = spans.iter().find(|span| span.is_sampled()).cloned();
        let folded = first
            .unwrap_or_default()
            .scope(folder.run(&self.records))
            .await;
        if let Err(failure) = &folded {
            let cause = Cause::from(failure);
            metrics().failed_runs.one(cause);
            for span in &spans {
                span.fail(cause.value());
            }
        }
        let mut announcements = folded?;
        for (announcement, span) in announcements.iter_mut().zip(&spans) {
            let outcome = Folded::of(&announcement.effects, announcement.replayed);
            span.set(Folded::NAME, outcome.value());
            announcement.trace = span.context();
        }
        Ok(announcements)
    }
}

impl Step {
    pub fn new(
        log: Arc<dyn EventLog>,
        folder: Folder,
        announcer: Announcer,
        progress: Arc<Progress>,
        max_bytes: usize,
    ) -> Self {
        Self {
            log,
            folder,
            announcer,
            partitions: Partitions::default(),
            progress,
            max_bytes,
            unflushed: BTreeMap::new(),
            unflushed_since: None,
        }
    }

    /// Owns these partitions from now on.
    pub fn assign(&mut self, ids: impl IntoIterator<Item = PartitionId>) {
        self.partitions.add(ids);
    }

    /// Reads nothing more of these partitions. What was folded of them is still flushed.
    pub fn stop_reading(&mut self, ids: &[PartitionId]) {
        for id in ids {
            self.partitions.remove(*id);
        }
    }

    /// Forgets partitions: another worker has them, or is about to. Marks that wait are written
    /// all the same, for they are true; how far this worker came is nobody's business any more.
    pub fn forget(&mut self, ids: &[PartitionId]) {
        self.stop_reading(ids);
        for id in ids {
            self.folder.forget(*id);
            self.unflushed.remove(id);
        }
        self.progress.forget(ids);
    }

    /// Opens the partitions that are due.
    pub async fn open(&mut self) {
        self.partitions.open_due(&*self.log).await;
        self.partitions.measure();
    }

    /// Reads from the open partitions. Waits up to `wait` for the first record. Cancel-safe.
    pub async fn read(&self, wait: Duration) -> Result<Vec<Entry>, Error> {
        let positions = self.partitions.positions();
        if positions.is_empty() {
            tokio::time::sleep(wait).await;
            return Ok(Vec::new());
        }
        Ok(self.log.read(&positions, self.max_bytes, wait).await?)
    }

    /// Folds what was read, and announces it.
    pub async fn fold(&mut self, entries: Vec<Entry>) {
        let mut folded = next_offsets(&entries);
        let runs = self.runs(entries);
        let folder = &self.folder;
        let results: Vec<_> = stream::iter(runs)
            .map(|run| async move { (run.fold(folder).await, run.partition, run.first) })
            .buffer_unordered(PARALLEL_RUNS)
            .collect()
            .await;
        let mut announcements = Vec::new();
        let mut failed: BTreeMap<PartitionId, (Offset, Failure)> = BTreeMap::new();
        for (result, partition, first) in results {
            match result {
                Ok(run) => announcements.extend(run),
                Err(failure) => {
                    let earlier = failed.get(&partition).is_some_and(|(at, _)| *at <= first);
                    if !earlier {
                        failed.insert(partition, (first, failure));
                    }
                }
            }
        }
        self.announce(announcements).await;
        if !folded.is_empty() {
            self.unflushed_since.get_or_insert_with(Instant::now);
        }
        for (partition, (reached, failure)) in failed {
            folded.insert(partition, reached);
            self.folder.forget(partition);
            self.partitions.fail(partition, reached, &failure);
        }
        for (partition, next) in folded {
            self.partitions.advance(partition, next);
            self.unflushed.insert(partition, next);
        }
    }

    /// How long until a flush is due; `None` if nothing waits for one.
    pub fn flush_due_in(&self, interval: Duration) -> Option<Duration> {
        let since = self.unflushed_since?;
        Some((since + interval).saturating_duration_since(Instant::now()))
    }

    /// Flushes marks; what was folded before is then done, but for the store's sync.
    pub async fn flush(&mut self) -> Result<(), Error> {
        self.announcer.flush().await?;
        self.unflushed_since = self.announcer.owes().then(Instant::now);
        self.progress.advance(std::mem::take(&mut self.unflushed));
        Ok(())
    }

    pub const fn partitions(&self) -> &Partitions {
        &self.partitions
    }

    async fn announce(&mut self, mut announcements: Vec<Announcement>) {
        announcements
            .sort_by_key(|announcement| (announcement.place.partition, announcement.place.offset));
        if !announcements.is_empty() {
            self.announcer.announce(announcements).await;
        }
    }

    /// Splits a read into runs, in log order within each.
    fn runs(&self, entries: Vec<Entry>) -> Vec<Run> {
        let log = self.log.log_id();
        let mut runs: Vec<Run> = Vec::new();
        let mut found: BTreeMap<(PartitionId, ConversationId), usize> = BTreeMap::new();
        for entry in entries {
            let key = (entry.partition, entry.conversation);
            let logged = Logged {
                place: Place {
                    log,
                    partition: entry.partition,
                    offset: entry.offset,
                },
                appended_at: entry.appended_at,
                conversation: entry.conversation,
                bytes: entry.record,
            };
            let at = *found.entry(key).or_insert(runs.len());
            match runs.get_mut(at) {
                Some(run) => {
                    run.records.push(logged);
                    run.traces.push(entry.trace);
                }
                None => runs.push(Run {
                    partition: entry.partition,
                    first: entry.offset,
                    records: vec![logged],
                    traces: vec![entry.trace],
                }),
            }
        }
        runs
    }
}

fn next_offsets(entries: &[Entry]) -> BTreeMap<PartitionId, Offset> {
    entries
        .iter()
        .map(|entry| (entry.partition, entry.offset.next()))
        .collect()
}
