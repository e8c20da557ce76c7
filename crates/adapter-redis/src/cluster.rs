//! The connection to a cluster: one a process, and another one when calls keep failing on it.
//!
//! The driver connects to nodes again and learns of failovers by itself. What it does not do is to
//! begin anew: a connection whose task has ended, or that has lost every node it knew, stays so.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use redis::{
    Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind,
    cluster::ClusterClient, cluster_async::ClusterConnection,
};
use tokio::time::{Instant, sleep};

/// Waits between attempts to connect, doubled each time.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));
/// Failures further apart have nothing to do with each other.
const QUIET: Duration = Duration::from_mins(1);
/// A connection that did no better than the one before is kept longer, up to this.
const LONGEST_PATIENCE: Duration = Duration::from_mins(1);

/// All calls wait for the same attempt, and one that gives up does not end it.
type Making = Shared<BoxFuture<'static, RedisResult<ClusterConnection>>>;

pub(crate) struct Cluster {
    client: Arc<ClusterClient>,
    /// For how long calls may fail before the connection is taken for worn out.
    patience: Duration,
    link: Mutex<Link>,
}

struct Link {
    making: Making,
    /// Counts connections, so that no call reports of another one than it used.
    number: u64,
    /// Attempts that failed in a row.
    attempts: u32,
    health: Health,
}

impl Cluster {
    /// Connects at the first call.
    pub(crate) fn new(client: ClusterClient, patience: Duration) -> Self {
        let client = Arc::new(client);
        let link = Link {
            making: connect(&client, Duration::ZERO),
            number: 0,
            attempts: 0,
            health: Health::new(Instant::now(), patience),
        };
        Self {
            client,
            patience,
            link: Mutex::new(link),
        }
    }

    /// Dropped before its end it counts as failed: its caller had a deadline.
    pub(crate) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        let (number, making) = {
            let link = self.link();
            (link.number, link.making.clone())
        };
        let mut call = Call {
            cluster: self,
            number,
            failed: true,
        };
        let answer = match making.await {
            Ok(mut connection) => command.query_async(&mut connection).await,
            Err(error) => Err(error),
        };
        call.failed = answer.as_ref().is_err_and(is_no_answer);
        answer
    }

    fn link(&self) -> MutexGuard<'_, Link> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, number: u64) {
        let mut link = self.link();
        if link.number != number {
            return;
        }
        let now = Instant::now();
        let made = link.making.peek().map(RedisResult::is_ok);
        if made == Some(false) {
            let pause = BACKOFF.0.saturating_mul(1 << link.attempts.min(10));
            link.attempts = link.attempts.saturating_add(1);
            link.begin_anew(&self.client, pause.min(BACKOFF.1));
        } else if made == Some(true) && link.health.is_worn_out_by(now) {
            tracing::warn!("calls to the cluster keep failing: it is connected to anew");
            link.attempts = 0;
            link.health = link.health.successor(now, self.patience);
            link.begin_anew(&self.client, Duration::ZERO);
        }
    }
}

impl Link {
    fn begin_anew(&mut self, client: &Arc<ClusterClient>, pause: Duration) {
        self.making = connect(client, pause);
        self.number = self.number.wrapping_add(1);
    }
}

fn connect(client: &Arc<ClusterClient>, pause: Duration) -> Making {
    let client = Arc::clone(client);
    let making = async move {
        sleep(pause).await;
        client.get_async_connection().await
    };
    making.boxed().shared()
}

/// Whether the error is of the way to the right server, and not that server's word.
fn is_no_answer(error: &RedisError) -> bool {
    let is_word =
        matches!(error.kind(), ErrorKind::Server(kind) if kind != ServerErrorKind::ReadOnly);
    !is_word || error.is_cluster_error()
}

struct Call<'a> {
    cluster: &'a Cluster,
    number: u64,
    failed: bool,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if self.failed {
            self.cluster.failed(self.number);
        }
    }
}

/// When calls failed on a connection. Calls that are answered don't count: one part of a cluster
/// answers while another is out of reach.
#[derive(Clone, Copy, Debug)]
struct Health {
    made: Instant,
    patience: Duration,
    /// The first and the last failure.
    trouble: Option<(Instant, Instant)>,
}

impl Health {
    const fn new(made: Instant, patience: Duration) -> Self {
        Self {
            made,
            patience,
            trouble: None,
        }
    }

    /// Notes a failure.
    fn is_worn_out_by(&mut self, now: Instant) -> bool {
        let since = match self.trouble {
            Some((first, last)) if now.duration_since(last) < QUIET => first,
            Some(_) | None => now,
        };
        self.trouble = Some((since, now));
        now.duration_since(since) >= self.patience
    }

    fn successor(&self, now: Instant, patience: Duration) -> Self {
        let lasted = now.duration_since(self.made);
        let next = if lasted > self.patience.saturating_add(QUIET) {
            patience
        } else {
            self.patience.saturating_mul(2).min(LONGEST_PATIENCE)
        };
        Self::new(now, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn failures_wear_a_connection_out_once_they_went_on_for_long_enough() {
        let made = Instant::now();
        let mut health = Health::new(made, 4 * SECOND);
        assert!(!health.is_worn_out_by(made + SECOND));
        assert!(!health.is_worn_out_by(made + 4 * SECOND));
        assert!(health.is_worn_out_by(made + 5 * SECOND));
    }

    #[test]
    fn failures_far_apart_wear_nothing_out() {
        let made = Instant::now();
        let mut health = Health::new(made, 4 * SECOND);
        for number in 0..100 {
            assert!(!health.is_worn_out_by(made + number * QUIET));
        }
    }

    #[test]
    fn patience_doubles_up_to_a_bound_and_begins_again_after_a_good_while() {
        let made = Instant::now();
        let mut health = Health::new(made, 4 * SECOND);
        let mut now = made;
        for seconds in [8, 16, 32, 60, 60] {
            now += health.patience;
            health = health.successor(now, 4 * SECOND);
            assert_eq!(health.patience, seconds * SECOND);
        }
        let health = health.successor(now + 3 * QUIET, 4 * SECOND);
        assert_eq!(health.patience, 4 * SECOND);
    }
}
