//! The loop around the steps: read, fold, flush within its interval, commit beside it.

use std::time::Duration;

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use xchat_ports::event_log::Change;

use super::{Committer, Ownership, Step};
use crate::Error;

/// Times of the loop.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Marks are flushed at the latest this long after their record was folded.
    pub flush: Duration,
    /// Between two syncs of the store.
    pub commit: Duration,
}

const LONGEST_READ: Duration = Duration::from_secs(1);
/// Others wait for revoked partitions, and for a worker that ends. A store that syncs later, or does
/// not answer, is not waited for: the next owner does again what was not committed.
const FINISHING: Duration = Duration::from_secs(1);
/// A store that syncs by the clock has many under way, evenly spread over the time it takes.
const COMMITS_AT_ONCE: u32 = 16;
const AFTER_ERROR: Duration = Duration::from_millis(500);

/// A worker with what it owns.
#[derive(Debug)]
pub struct Work {
    pub step: Step,
    pub committer: Committer,
    pub ownership: Ownership,
}

/// Runs until stopped, then flushes and commits what is done. Engine errors never end it.
pub async fn run(work: Work, pace: Pace, stop: CancellationToken) {
    let Work {
        mut step,
        committer,
        mut ownership,
    } = work;
    let folded = CancellationToken::new();
    let folding = async {
        while !stop.is_cancelled() {
            let turn = turn(&mut step, &mut ownership, &committer, pace);
            if let Some(Err(cause)) = stop.run_until_cancelled(turn).await {
                tracing::warn!(%cause, "the worker waits for its engines");
                stop.run_until_cancelled(sleep(AFTER_ERROR)).await;
            }
        }
        log_failure(step.flush().await);
        folded.cancel();
    };
    tokio::join!(folding, committing(&committer, pace.commit, &folded));
}

/// Begins a commit at each interval, and a last one when all is folded.
async fn committing(committer: &Committer, interval: Duration, folded: &CancellationToken) {
    let timed = || async {
        let began = Instant::now();
        (committer.commit().await, began.elapsed())
    };
    let mut commits = FuturesUnordered::new();
    let (mut due, mut took) = (Instant::now() + interval, Duration::ZERO);
    while !folded.is_cancelled() {
        let has_room = commits.len() < COMMITS_AT_ONCE as usize;
        tokio::select! {
            Some((done, time)) = commits.next() => {
                log_failure(done);
                took = time;
            }
            () = sleep_until(due), if has_room => {
                commits.push(timed());
                due = Instant::now() + interval.max(took / COMMITS_AT_ONCE);
            }
            () = folded.cancelled() => {}
        }
    }
    commits.push(timed());
    let last = async {
        while let Some((done, _)) = commits.next().await {
            log_failure(done);
        }
    };
    let _ = timeout(FINISHING, last).await;
}

fn log_failure(result: Result<(), Error>) {
    if let Err(cause) = result {
        tracing::warn!(%cause, "progress could not be saved: the next start does it again");
    }
}

/// One read, at most until marks are due, or one change of what is owned.
async fn turn(
    step: &mut Step,
    ownership: &mut Ownership,
    committer: &Committer,
    pace: Pace,
) -> Result<(), Error> {
    if step.flush_due_in(pace.flush) == Some(Duration::ZERO) {
        step.flush().await?;
    }
    step.open().await;
    let wait = [
        step.flush_due_in(pace.flush),
        step.partitions().next_due_in(),
        Some(LONGEST_READ),
    ];
    let wait = wait.into_iter().flatten().min().unwrap_or_default();
    tokio::select! {
        biased;
        change = ownership.next() => adopt(change, step, ownership, committer).await,
        entries = step.read(wait) => step.fold(entries?).await,
    }
    Ok(())
}

async fn adopt(change: Change, step: &mut Step, ownership: &mut Ownership, committer: &Committer) {
    match change {
        Change::Assigned(ids) => {
            tracing::info!(partitions = ids.len(), "partitions assigned");
            step.assign(ids);
        }
        Change::Revoked(ids) => {
            step.stop_reading(&ids);
            let finish = async {
                step.flush().await?;
                committer.commit_now().await
            };
            if let Ok(finished) = timeout(FINISHING, finish).await {
                log_failure(finished);
            }
            step.forget(&ids);
            ownership.released(&ids).await;
            tracing::info!(partitions = ids.len(), "partitions released");
        }
        Change::Lost(ids) => {
            step.forget(&ids);
            tracing::warn!(partitions = ids.len(), "partitions lost to another worker");
        }
        // Ownership joins again by itself.
        Change::Out => {}
    }
}
