//! Which partitions are this member's, from the group's rebalances.
//!
//! The consumer of a member reads nothing: its partitions are paused, and records are read by
//! position elsewhere. One thread polls it. Inside the rebalance callback that thread waits until
//! revoked partitions are released, for at most [`RELEASE`], and only then acknowledges.

use std::{
    collections::{BTreeSet, VecDeque},
    fmt,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use rdkafka::{
    ClientConfig, ClientContext, Offset as Kept, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext},
    error::{KafkaError, KafkaResult},
    types::RDKafkaRespErr,
};
use tokio::sync::Notify;
use xchat_ports::{
    PortError, PortResult,
    event_log::{Change, Membership},
};
use xchat_types::PartitionId;

/// Longer than the worker takes to give up, shorter than the group's patience (`MAX_POLL_MS`).
const RELEASE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);

/// The consumer that is in the group.
pub(crate) struct Member(BaseConsumer<Context>);

impl Member {
    pub(crate) fn commit(&self, list: &TopicPartitionList) -> KafkaResult<()> {
        self.0.commit(list, CommitMode::Sync)
    }
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    released: Condvar,
    changed: Notify,
    leaving: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    changes: VecDeque<Change>,
    owned: BTreeSet<PartitionId>,
    revoking: BTreeSet<PartitionId>,
    is_out: bool,
}

pub(crate) struct Context(Arc<Shared>);

/// Dropping it leaves the group's work to others once the session has ended; a member without a
/// name leaves at once.
pub(crate) struct KafkaMembership {
    shared: Arc<Shared>,
}

impl KafkaMembership {
    /// Subscribes. Blocks for as long as it takes to make a client, not for brokers.
    pub(crate) fn join(settings: &ClientConfig, topic: &str) -> PortResult<(Self, Arc<Member>)> {
        let shared = Arc::new(Shared::default());
        let context = Context(Arc::clone(&shared));
        let consumer: BaseConsumer<Context> = settings
            .create_with_context(context)
            .map_err(PortError::unavailable)?;
        consumer
            .subscribe(&[topic])
            .map_err(PortError::unavailable)?;
        let member = Arc::new(Member(consumer));
        let (polled, seen) = (Arc::clone(&member), Arc::clone(&shared));
        thread::Builder::new()
            .name("event-log-group".to_owned())
            .spawn(move || poll(&polled, &seen))
            .map_err(PortError::unavailable)?;
        Ok((Self { shared }, member))
    }
}

/// The thread's handle is the last one: closing a consumer blocks.
fn poll(member: &Member, shared: &Shared) {
    while !shared.leaving.load(Ordering::Acquire) {
        match member.0.poll(POLL) {
            Some(Err(KafkaError::MessageConsumptionFatal(code))) => {
                tracing::error!(%code, "this member is out of the group: is its name used twice?");
                shared.end();
                shared.wait_until_left();
            }
            Some(Err(error)) => tracing::debug!(%error, "the group can't be reached"),
            Some(Ok(_)) | None => {}
        }
    }
}

#[async_trait]
impl Membership for KafkaMembership {
    async fn next(&mut self) -> PortResult<Change> {
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let mut state = self.shared.state();
                if let Some(change) = state.changes.pop_front() {
                    return Ok(change);
                }
                if state.is_out {
                    return Ok(Change::Out);
                }
            }
            changed.await;
        }
    }

    async fn released(&mut self, partitions: &[PartitionId]) -> PortResult<()> {
        let mut state = self.shared.state();
        for partition in partitions {
            if state.revoking.remove(partition) {
                state.owned.remove(partition);
            }
        }
        drop(state);
        self.shared.released.notify_all();
        Ok(())
    }
}

impl Drop for KafkaMembership {
    fn drop(&mut self) {
        self.shared.leaving.store(true, Ordering::Release);
        self.shared.released.notify_all();
    }
}

impl fmt::Debug for KafkaMembership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaMembership")
            .field("state", &*self.shared.state())
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, change: Change) {
        self.state().changes.push_back(change);
        self.changed.notify_waiters();
    }

    fn assign(&self, partitions: Vec<PartitionId>) {
        self.state().owned.extend(&partitions);
        self.tell(Change::Assigned(partitions));
    }

    fn lose(&self, partitions: impl IntoIterator<Item = PartitionId>) {
        let mut state = self.state();
        let owned = partitions.into_iter().filter(|id| {
            state.revoking.remove(id);
            state.owned.remove(id)
        });
        let lost: Vec<_> = owned.collect();
        drop(state);
        if !lost.is_empty() {
            self.tell(Change::Lost(lost));
        }
    }

    fn end(&self) {
        let owned = self.state().owned.clone();
        self.lose(owned);
        self.state().is_out = true;
        self.changed.notify_waiters();
    }

    fn wait_until_left(&self) {
        let mut state = self.state();
        while !self.leaving.load(Ordering::Acquire) {
            let waited = self.released.wait_timeout(state, POLL);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until all are released; what is not in time, or lost meanwhile, is lost.
    fn revoke(&self, partitions: Vec<PartitionId>, lost: impl Fn() -> bool) {
        let end = Instant::now() + RELEASE;
        self.state().revoking.extend(&partitions);
        self.tell(Change::Revoked(partitions.clone()));
        let mut state = self.state();
        while !state.revoking.is_empty() && Instant::now() < end {
            if self.leaving.load(Ordering::Acquire) || lost() {
                break;
            }
            let waited = self.released.wait_timeout(state, POLL);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(state);
        self.lose(partitions);
    }
}

impl ClientContext for Context {}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        code: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let partitions: Vec<_> = list
            .elements()
            .iter()
            .map(|element| PartitionId(element.partition().unsigned_abs()))
            .collect();
        let acknowledged = if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            let assigned = assign(consumer, list);
            if assigned.is_ok() && !partitions.is_empty() {
                self.0.assign(partitions);
            }
            assigned
        } else {
            if consumer.assignment_lost() {
                self.0.lose(partitions);
            } else if !partitions.is_empty() {
                self.0.revoke(partitions, || consumer.assignment_lost());
            }
            consumer.incremental_unassign(list)
        };
        if let Err(error) = acknowledged {
            tracing::warn!(%error, "a rebalance was not acknowledged");
        }
    }
}

/// Nothing is fetched by this consumer, so it has no position to look up either.
fn assign(consumer: &BaseConsumer<Context>, list: &mut TopicPartitionList) -> KafkaResult<()> {
    list.set_all_offsets(Kept::End)?;
    consumer.incremental_assign(list)?;
    if list.count() > 0 {
        consumer.pause(list)?;
    }
    Ok(())
}
