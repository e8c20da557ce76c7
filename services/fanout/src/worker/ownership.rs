//! Which partitions are this worker's, as the log tells it.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until, timeout};
use xchat_ports::{
    EventLog,
    event_log::{Change, Membership},
};
use xchat_types::PartitionId;

const AFTER_ERROR: Duration = Duration::from_millis(500);
/// Two workers under one name put each other out; so long each gets to work.
const AFTER_FENCE: Duration = Duration::from_secs(10);
/// What is not given away in this time is taken.
const GIVING_AWAY: Duration = Duration::from_secs(5);

/// A membership that is asked for again until there is one.
#[derive(Debug)]
pub struct Ownership {
    log: Arc<dyn EventLog>,
    member: String,
    membership: Option<Box<dyn Membership>>,
    /// Not asked before.
    not_before: Option<Instant>,
}

impl Ownership {
    pub const fn new(log: Arc<dyn EventLog>, member: String) -> Self {
        Self {
            log,
            member,
            membership: None,
            not_before: None,
        }
    }

    /// Waits for the next change but [`Change::Out`], also for an engine that can't be asked now. Cancel-safe.
    pub async fn next(&mut self) -> Change {
        loop {
            if let Some(at) = self.not_before {
                sleep_until(at).await;
                self.not_before = None;
            }
            let answer = match &mut self.membership {
                Some(membership) => membership.next().await.map(Some),
                None => self.log.join(&self.member).await.map(|joined| {
                    self.membership = Some(joined);
                    None
                }),
            };
            match answer {
                Ok(Some(Change::Out)) => {
                    tracing::error!(
                        member = self.member,
                        "this worker was put out of its group, and joins again: is fanout.member \
                         another's too?"
                    );
                    self.membership = None;
                    self.not_before = Some(Instant::now() + AFTER_FENCE);
                }
                Ok(Some(change)) => return change,
                Ok(None) => {}
                Err(cause) => {
                    tracing::warn!(%cause, "partitions can't be asked for: what is owned stays owned");
                    self.not_before = Some(Instant::now() + AFTER_ERROR);
                }
            }
        }
    }

    /// Gives revoked partitions away, if it can be done in time: else they are taken.
    pub async fn released(&mut self, ids: &[PartitionId]) {
        let Some(membership) = &mut self.membership else {
            return;
        };
        let giving = async {
            while let Err(cause) = membership.released(ids).await {
                tracing::warn!(%cause, "partitions can't be given away yet");
                tokio::time::sleep(AFTER_ERROR).await;
            }
        };
        if timeout(GIVING_AWAY, giving).await.is_err() {
            tracing::warn!("partitions were not given away: the log will take them");
        }
    }
}
