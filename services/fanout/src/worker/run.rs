//! The loop around the steps: read, fold, flush within its interval, commit beside it.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use super::{Committer, Step};
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
const AFTER_ERROR: Duration = Duration::from_millis(500);

/// Runs until stopped, then flushes and commits what is done. Engine errors never end it.
pub async fn run(mut step: Step, mut committer: Committer, pace: Pace, stop: CancellationToken) {
    let folded = CancellationToken::new();
    let folding = async {
        while !stop.is_cancelled() {
            if let Some(Err(cause)) = stop.run_until_cancelled(turn(&mut step, pace)).await {
                tracing::warn!(%cause, "the worker waits for its engines");
                stop.run_until_cancelled(sleep(AFTER_ERROR)).await;
            }
        }
        log_failure(step.flush().await);
        folded.cancel();
    };
    let committing = async {
        while !folded.is_cancelled() {
            let next = Instant::now() + pace.commit;
            let _ = timeout_at(next, folded.cancelled()).await;
            log_failure(committer.commit().await);
        }
    };
    tokio::join!(folding, committing);
}

fn log_failure(result: Result<(), Error>) {
    if let Err(cause) = result {
        tracing::warn!(%cause, "progress could not be saved: the next start does it again");
    }
}

/// One read, at most until marks are due.
async fn turn(step: &mut Step, pace: Pace) -> Result<(), Error> {
    if step.flush_due_in(pace.flush) == Some(Duration::ZERO) {
        step.flush().await?;
    }
    let wait = [
        step.flush_due_in(pace.flush),
        step.partitions().next_due_in(),
        Some(LONGEST_READ),
    ];
    let wait = wait.into_iter().flatten().min().unwrap_or_default();
    step.fold(wait).await
}
