//! A log, a store and workers on them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use xchat_adapter_memory::{
    CellKey, ManualClock, MemoryEventLog, MemoryMessageStore, MemoryRouting,
};
use xchat_fanout::{
    Error,
    deliver::Deliverer,
    domain::Logged,
    store::Conversations,
    worker::{Announcer, Committer, Folder, Ownership, Step, commit::Progress, run},
};
use xchat_ports::{Clock, EventLog, MessageStore, Routing, event_log::Append};
use xchat_runtime::{
    Tasks,
    channel::{Dialer, Remote},
};
use xchat_types::{ConversationId, PartitionId};

use crate::{
    script::{Act, play},
    world::START,
};

pub(crate) const PARTITIONS: u32 = 2;

pub(crate) struct Rig {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) log: MemoryEventLog,
    pub(crate) store: MemoryMessageStore,
    pub(crate) routing: Arc<MemoryRouting>,
    pub(crate) gateways: Dialer,
    pub(crate) tasks: Tasks,
}

/// Everything that the store holds alive.
pub(crate) type Table = BTreeMap<CellKey, (u64, Bytes)>;

impl Rig {
    /// Engines without faults, and a log that is the same for the same records.
    pub(crate) fn new(records: &[Logged]) -> Self {
        let clock = Arc::new(ManualClock::new(*START));
        let shared: Arc<dyn Clock> = Arc::clone(&clock) as _;
        let rig = Self {
            log: MemoryEventLog::new(PARTITIONS, Arc::clone(&shared)),
            store: MemoryMessageStore::new(Arc::clone(&shared)),
            routing: Arc::new(MemoryRouting::new(shared)),
            gateways: Dialer::new(Remote::plain("gateway")),
            tasks: Tasks::new(),
            clock,
        };
        rig.append(records);
        rig
    }

    /// Appends records at their times, in partitions by their conversations' first byte.
    pub(crate) fn append(&self, records: &[Logged]) {
        for logged in records {
            self.clock.set(logged.appended_at);
            let first = u32::from(logged.conversation.as_bytes()[0]);
            let append = Append {
                partition: PartitionId(first % PARTITIONS),
                conversation: logged.conversation,
                record: logged.bytes.clone(),
                trace: None,
            };
            let appended = futures_util::FutureExt::now_or_never(self.log.append(vec![append]));
            appended.unwrap().pop().unwrap().unwrap();
        }
    }

    /// A worker that runs by itself and owns what the log gives it.
    pub(crate) fn work(&self, member: &str) -> run::Work {
        self.work_on(member, Arc::new(self.store.clone()))
    }

    pub(crate) fn work_on(&self, member: &str, store: Arc<dyn MessageStore>) -> run::Work {
        let Worker {
            committer,
            mut step,
            ..
        } = self.worker_on(Arc::new(self.log.clone()), store);
        let ids: Vec<_> = (0..PARTITIONS).map(PartitionId).collect();
        step.forget(&ids);
        let ownership = Ownership::new(Arc::new(self.log.clone()), member.to_owned());
        run::Work {
            step,
            committer,
            ownership,
        }
    }

    /// A worker through its own handle on the store.
    pub(crate) fn worker(&self) -> Worker {
        self.worker_on(Arc::new(self.log.clone()), Arc::new(self.store.clone()))
    }

    pub(crate) fn worker_on(&self, log: Arc<dyn EventLog>, store: Arc<dyn MessageStore>) -> Worker {
        self.worker_with(log, store, Arc::clone(&self.routing) as _)
    }

    pub(crate) fn worker_with(
        &self,
        log: Arc<dyn EventLog>,
        store: Arc<dyn MessageStore>,
        routing: Arc<dyn Routing>,
    ) -> Worker {
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as _;
        let deadline = Duration::from_secs(1);
        let deliverer = Deliverer::new(self.gateways.clone(), self.tasks.clone(), deadline);
        let progress = Arc::new(Progress::default());
        let conversations = Conversations {
            store: Arc::clone(&store),
        };
        let mut step = Step::new(
            Arc::clone(&log),
            Folder::new(Arc::clone(&log), conversations, Arc::clone(&clock), 100),
            Announcer::new(Arc::clone(&store), routing, deliverer, Arc::clone(&clock)),
            Arc::clone(&progress),
            1 << 20,
        );
        // It never asks whose they are, as a zombie does.
        step.assign((0..PARTITIONS).map(PartitionId));
        Worker {
            log: Arc::clone(&log),
            step,
            committer: Committer::new(log, store, clock, progress),
        }
    }

    /// Welcomes are written under the store's own time: a device's deletion goes before it.
    pub(crate) fn table(&self) -> Table {
        let mut table = self.store.rows();
        for (key, (stamp, _)) in &mut table {
            if matches!(key, CellKey::Welcome(..)) {
                *stamp = 0;
            }
        }
        table
    }
}

pub(crate) struct Worker {
    log: Arc<dyn EventLog>,
    pub(crate) step: Step,
    pub(crate) committer: Committer,
}

impl Worker {
    /// One read and its fold, without a flush.
    pub(crate) async fn fold(&mut self) -> Result<(), Error> {
        self.step.open().await;
        let entries = self.step.read(Duration::ZERO).await?;
        self.step.fold(entries).await;
        Ok(())
    }

    /// One turn; engines may fail it.
    pub(crate) async fn turn(&mut self, commits: bool) {
        let folded = self.fold().await;
        let flushed = self.step.flush().await;
        if commits && folded.is_ok() && flushed.is_ok() {
            let _ = self.committer.commit().await;
        }
    }

    /// Turns until everything in the log is folded, and told to the log where that is wanted.
    pub(crate) async fn drain(&mut self, commits: bool) {
        while !self.is_done(commits).await {
            self.turn(commits).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn is_done(&self, commits: bool) -> bool {
        let positions = self.step.partitions().positions();
        if positions.len() < PARTITIONS as usize {
            return false;
        }
        for (partition, next) in positions {
            let Ok(span) = self.log.span(partition).await else {
                return false;
            };
            let committed = self.log.committed(partition).await;
            let told = !commits
                || span.end.0 == 0
                || committed.is_ok_and(|committed| committed == Some(span.end));
            if next < span.end || !told {
                return false;
            }
        }
        true
    }
}

pub(crate) fn conversation(byte: u8) -> ConversationId {
    ConversationId::new([byte; 32])
}

/// Two conversations in two partitions, their records taking turns.
pub(crate) fn two_conversations(acts: &[Act]) -> Vec<Logged> {
    let one = play(conversation(0xc0), acts);
    let other = play(conversation(0xc1), acts);
    let mut records: Vec<_> = one.into_iter().chain(other).collect();
    records.sort_by_key(|logged| logged.appended_at);
    records
}

/// What one healthy worker makes of the records.
pub(crate) async fn reference(records: &[Logged]) -> Table {
    let rig = Rig::new(records);
    rig.worker().drain(true).await;
    rig.table()
}

/// Asserts the same rows under the same write timestamps, and says which differ.
pub(crate) fn assert_same(found: &Table, expected: &Table, what: &str) {
    let differing: Vec<_> = found
        .iter()
        .filter(|(key, row)| expected.get(key) != Some(row))
        .map(|(key, _)| key)
        .chain(expected.keys().filter(|key| !found.contains_key(key)))
        .collect();
    assert!(differing.is_empty(), "{what}: {differing:?} differ");
}
