//! Every task of the process, on one tracker, under a soft and a hard cancellation.

use std::{
    any::Any,
    error::Error,
    future::Future,
    panic::AssertUnwindSafe,
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures_util::FutureExt;
use tokio_util::{
    sync::CancellationToken,
    task::{TaskTracker, task_tracker::TaskTrackerToken},
};
use tracing::Instrument;

/// Why a worker can't go on: whatever it met, for a human to read.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The first worker that died.
#[derive(Clone, Debug, thiserror::Error)]
#[error("task {task} died: {cause}")]
pub struct Death {
    pub task: &'static str,
    pub cause: String,
}

/// The only place that spawns. Clones share one tracker.
#[derive(Clone, Debug, Default)]
pub struct Tasks(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    tracker: TaskTracker,
    soft: CancellationToken,
    hard: CancellationToken,
    death: OnceLock<Death>,
}

impl Tasks {
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancelled when the process begins to stop: finish what is at hand.
    pub fn soft(&self) -> &CancellationToken {
        &self.0.soft
    }

    /// Cancelled at the end of the grace: every spawned future is dropped.
    pub fn hard(&self) -> &CancellationToken {
        &self.0.hard
    }

    /// Spawns what the process cannot do without: an error or a panic in it stops the process.
    pub fn spawn<F>(&self, name: &'static str, future: F)
    where
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let tasks = self.clone();
        self.track(name, async move {
            let cause = match AssertUnwindSafe(future).catch_unwind().await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => with_sources(&*error),
                Err(panic) => format!("panicked: {}", panic_message(&*panic)),
            };
            tasks.died(Death { task: name, cause });
        });
    }

    /// Spawns what belongs to one peer (a connection, a stream): a panic in it ends only itself,
    /// and the panic hook has logged it.
    pub fn spawn_session<F>(&self, name: &'static str, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.track(name, async move {
            let _ = AssertUnwindSafe(future).catch_unwind().await;
        });
    }

    /// Makes the stop wait for a task that a library has spawned, until the token is dropped.
    pub fn token(&self) -> TaskTrackerToken {
        self.0.tracker.token()
    }

    /// Tasks that have not ended.
    pub fn len(&self) -> usize {
        self.0.tracker.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.tracker.is_empty()
    }

    /// The first worker that died, if one did.
    pub fn death(&self) -> Option<&Death> {
        self.0.death.get()
    }

    /// Cancels softly, waits for at most `grace` or until [`Tasks::hard`] is cancelled, then
    /// cancels hard. `true` if every task ended by itself.
    pub async fn stop(&self, grace: Duration) -> bool {
        self.0.soft.cancel();
        self.0.tracker.close();
        tokio::select! {
            biased;
            () = self.0.hard.cancelled() => {}
            () = self.0.tracker.wait() => return true,
            () = tokio::time::sleep(grace) => {}
        }
        tracing::warn!(tasks = self.len(), "tasks did not end in time: cut off");
        self.0.hard.cancel();
        self.0.tracker.wait().await;
        false
    }

    #[allow(
        clippy::disallowed_methods,
        reason = "the one place that spawns: tracked, and cut off by the hard cancellation"
    )]
    fn track<F>(&self, name: &'static str, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let hard = self.0.hard.clone();
        let span = tracing::debug_span!("task", task = name);
        let tracked = self.0.tracker.track_future(
            async move {
                hard.run_until_cancelled(future).await;
            }
            .instrument(span),
        );
        tokio::spawn(tracked);
    }

    fn died(&self, death: Death) {
        tracing::error!(task = death.task, cause = %death.cause, "a task died: stopping");
        let _ = self.0.death.set(death);
        self.0.soft.cancel();
    }
}

/// An error and what caused it, outermost first.
fn with_sources(error: &(dyn Error + 'static)) -> String {
    let sources = std::iter::successors(error.source(), |error| (*error).source());
    sources.fold(error.to_string(), |text, source| {
        format!("{text}: {source}")
    })
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    if let Some(text) = panic.downcast_ref::<&'static str>() {
        text
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text
    } else {
        "no message"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_in_a_task_is_a_death_and_stops_the_others() {
        let tasks = Tasks::new();
        let soft = tasks.soft().clone();
        tasks.spawn("waiter", async move {
            soft.cancelled().await;
            Ok(())
        });
        tasks.spawn("bad", async { panic!("on purpose") });
        tasks.soft().cancelled().await;
        assert!(tasks.stop(Duration::from_mins(1)).await);
        let death = tasks.death().unwrap();
        assert_eq!(
            (death.task, death.cause.as_str()),
            ("bad", "panicked: on purpose")
        );
    }

    #[tokio::test]
    async fn a_panic_in_a_session_ends_only_itself() {
        let tasks = Tasks::new();
        tasks.spawn_session("peer", async { panic!("on purpose") });
        assert!(tasks.stop(Duration::from_mins(1)).await);
        assert!(tasks.death().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_ignores_the_stop_is_cut_off_after_the_grace() {
        let tasks = Tasks::new();
        tasks.spawn("deaf", std::future::pending());
        let started = tokio::time::Instant::now();
        assert!(!tasks.stop(Duration::from_secs(7)).await);
        assert_eq!(started.elapsed(), Duration::from_secs(7));
        assert!(tasks.death().is_none());
    }
}
