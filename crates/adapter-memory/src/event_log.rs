//! A log in memory: gaps between offsets, doubled records, lost hints, owners that change.

mod group;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::Notify;
use xchat_ports::{
    Clock, EventLog, PortResult,
    event_log::{Append, Appended, Change, Entry, Membership, Span},
};
use xchat_types::{LogId, Millis, Offset, PartitionId};

use self::group::{Group, MemberId};

use crate::{
    Faults,
    faults::{Dice, Fate, injected},
    lock,
};

/// Clones share one log, as several processes share one broker.
#[derive(Clone, Debug)]
pub struct MemoryEventLog {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    id: LogId,
    partitions: u32,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    appended: Notify,
    group: Mutex<Group>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    dice: Dice,
    logs: BTreeMap<PartitionId, Partition>,
    leaderless: BTreeSet<PartitionId>,
}

#[derive(Debug, Default)]
struct Partition {
    start: u64,
    end: u64,
    entries: BTreeMap<Offset, Entry>,
    committed: Option<Offset>,
}

impl MemoryEventLog {
    pub fn new(partitions: u32, clock: Arc<dyn Clock>) -> Self {
        Self::with_faults(partitions, clock, Faults::none())
    }

    pub fn with_faults(partitions: u32, clock: Arc<dyn Clock>, faults: Faults) -> Self {
        let mut dice = Dice::new(faults);
        let (high, low) = (dice.roll(), dice.roll());
        let id = (u128::from(high) << 64) | u128::from(low);
        Self {
            shared: Arc::new(Shared {
                id: LogId::new(id.to_be_bytes()),
                partitions,
                clock,
                state: Mutex::new(State {
                    dice,
                    logs: BTreeMap::new(),
                    leaderless: BTreeSet::new(),
                }),
                appended: Notify::new(),
                group: Mutex::new(Group::new(partitions)),
                changed: Notify::new(),
            }),
        }
    }

    /// Replaces the faults from now on.
    pub fn set_faults(&self, faults: Faults) {
        lock(&self.shared.state).dice = Dice::new(faults);
    }

    /// Everything a partition holds, without faults, for a test's own model.
    pub fn entries(&self, partition: PartitionId) -> Vec<Entry> {
        lock(&self.shared.state)
            .logs
            .get(&partition)
            .map(|log| log.entries.values().cloned().collect())
            .unwrap_or_default()
    }

    /// From now on nobody can append to the partition nor ask about it.
    pub fn take_leader(&self, partition: PartitionId) {
        lock(&self.shared.state).leaderless.insert(partition);
    }

    /// A member sleeps past its session: others get its partitions, and it does not know.
    pub fn pause_member(&self, name: &str) {
        self.shared.change(|group| group.pause(name));
    }

    /// The member hears what it has lost, and takes part again.
    pub fn wake_member(&self, name: &str) {
        self.shared.change(|group| group.wake(name));
    }

    /// What an engine does to a member that it takes for another's double.
    pub fn fence_member(&self, name: &str) {
        self.shared.change(|group| group.fence(name));
    }

    /// Wants every partition at another member.
    pub fn rebalance(&self) {
        self.shared.change(Group::rotate);
    }

    fn collect(
        &self,
        positions: &[(PartitionId, Offset)],
        max_bytes: usize,
    ) -> PortResult<Vec<Entry>> {
        let mut state = lock(&self.shared.state);
        if state.dice.fate() != Fate::Done {
            return Err(injected());
        }
        let single = state.dice.faults.pages_of_one;
        let first = usize::try_from(state.dice.below(positions.len() as u64)).unwrap_or(0);
        let mut found = Vec::new();
        let mut bytes = 0_usize;
        for &(partition, from) in positions.iter().cycle().skip(first).take(positions.len()) {
            let entries = state.logs.get(&partition).map(|log| &log.entries);
            for entry in entries.into_iter().flat_map(|log| log.range(from..)) {
                let size = entry.1.record.len();
                if !found.is_empty() && (single || bytes.saturating_add(size) > max_bytes) {
                    return Ok(found);
                }
                bytes = bytes.saturating_add(size);
                found.push(entry.1.clone());
            }
        }
        Ok(found)
    }
}

impl Shared {
    fn change<T>(&self, change: impl FnOnce(&mut Group) -> T) -> T {
        let answer = change(&mut lock(&self.group));
        self.changed.notify_waiters();
        answer
    }
}

/// A member through its own handle.
#[derive(Debug)]
struct MemoryMembership {
    id: MemberId,
    shared: Arc<Shared>,
}

impl Drop for MemoryMembership {
    fn drop(&mut self) {
        self.shared.change(|group| group.leave(self.id));
    }
}

#[async_trait]
impl Membership for MemoryMembership {
    async fn next(&mut self) -> PortResult<Change> {
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let (fate, rebalances) = {
                let dice = &mut lock(&self.shared.state).dice;
                let rebalances = dice.faults.rebalances;
                (dice.fate(), dice.chance(rebalances))
            };
            if fate != Fate::Done {
                return Err(injected());
            }
            if rebalances {
                self.shared.change(Group::rotate);
            }
            if let Some(change) = lock(&self.shared.group).next(self.id) {
                return Ok(change);
            }
            changed.await;
        }
    }

    async fn released(&mut self, partitions: &[PartitionId]) -> PortResult<()> {
        let fate = lock(&self.shared.state).dice.fate();
        if fate == Fate::Refused {
            return Err(injected());
        }
        self.shared
            .change(|group| group.released(self.id, partitions));
        if fate == Fate::Unknown {
            return Err(injected());
        }
        Ok(())
    }
}

impl State {
    fn append(&mut self, record: Append, now: Millis) -> PortResult<Appended> {
        let fate = self.dice.fate();
        if fate == Fate::Refused || self.leaderless.contains(&record.partition) {
            return Err(injected());
        }
        let gaps = self.dice.faults.gaps;
        let gap = if self.dice.chance(gaps) {
            1 + self.dice.below(7)
        } else {
            0
        };
        let log = self.logs.entry(record.partition).or_default();
        let offset = Offset(log.end + gap);
        log.end = offset.0 + 1;
        if log.entries.is_empty() {
            log.start = log.start.max(offset.0);
        }
        log.entries.insert(
            offset,
            Entry {
                partition: record.partition,
                offset,
                appended_at: now,
                conversation: record.conversation,
                record: record.record,
                trace: record.trace,
            },
        );
        if fate == Fate::Unknown {
            return Err(injected());
        }
        Ok(Appended {
            offset,
            appended_at: now,
        })
    }
}

#[async_trait]
impl EventLog for MemoryEventLog {
    fn log_id(&self) -> LogId {
        self.shared.id
    }

    fn partitions(&self) -> u32 {
        self.shared.partitions
    }

    async fn append(&self, records: Vec<Append>) -> Vec<PortResult<Appended>> {
        let now = self.shared.clock.now();
        let mut state = lock(&self.shared.state);
        let outcomes = records
            .into_iter()
            .map(|record| state.append(record, now))
            .collect();
        drop(state);
        self.shared.appended.notify_waiters();
        outcomes
    }

    async fn read(
        &self,
        positions: &[(PartitionId, Offset)],
        max_bytes: usize,
        wait: Duration,
    ) -> PortResult<Vec<Entry>> {
        let deadline = tokio::time::Instant::now() + wait;
        loop {
            let appended = self.shared.appended.notified();
            tokio::pin!(appended);
            appended.as_mut().enable();
            let found = self.collect(positions, max_bytes)?;
            if !found.is_empty() {
                return Ok(found);
            }
            if tokio::time::timeout_at(deadline, appended).await.is_err() {
                return self.collect(positions, max_bytes);
            }
        }
    }

    async fn span(&self, partition: PartitionId) -> PortResult<Span> {
        let mut state = lock(&self.shared.state);
        if state.dice.fate() != Fate::Done || state.leaderless.contains(&partition) {
            return Err(injected());
        }
        let (start, end) = state
            .logs
            .get(&partition)
            .map_or((0, 0), |log| (log.start, log.end));
        Ok(Span {
            start: Offset(start),
            end: Offset(end),
        })
    }

    async fn oldest_at(&self, partition: PartitionId, from: Offset) -> PortResult<Option<Millis>> {
        let mut state = lock(&self.shared.state);
        if state.dice.fate() != Fate::Done || state.leaderless.contains(&partition) {
            return Err(injected());
        }
        let log = state.logs.get(&partition);
        Ok(log
            .and_then(|log| log.entries.range(from..).next())
            .map(|(_, entry)| entry.appended_at))
    }

    async fn commit(&self, positions: &[(PartitionId, Offset)]) -> PortResult<()> {
        let mut state = lock(&self.shared.state);
        let fate = state.dice.fate();
        if fate == Fate::Refused {
            return Err(injected());
        }
        let lost = state.dice.faults.lost_hints;
        for &(partition, offset) in positions {
            if !state.dice.chance(lost) {
                state.logs.entry(partition).or_default().committed = Some(offset);
            }
        }
        if fate == Fate::Unknown {
            return Err(injected());
        }
        Ok(())
    }

    async fn committed(&self, partition: PartitionId) -> PortResult<Option<Offset>> {
        let mut state = lock(&self.shared.state);
        if state.dice.fate() != Fate::Done {
            return Err(injected());
        }
        Ok(state.logs.get(&partition).and_then(|log| log.committed))
    }

    async fn release(&self, below: &[(PartitionId, Offset)], before: Millis) -> PortResult<()> {
        let mut state = lock(&self.shared.state);
        let fate = state.dice.fate();
        if fate == Fate::Refused {
            return Err(injected());
        }
        for &(partition, offset) in below {
            if let Some(log) = state.logs.get_mut(&partition) {
                log.release(offset, before);
            }
        }
        if fate == Fate::Unknown {
            return Err(injected());
        }
        Ok(())
    }

    async fn join(&self, member: &str) -> PortResult<Box<dyn Membership>> {
        if lock(&self.shared.state).dice.fate() != Fate::Done {
            return Err(injected());
        }
        Ok(Box::new(MemoryMembership {
            id: self.shared.change(|group| group.join(member)),
            shared: Arc::clone(&self.shared),
        }))
    }
}

impl Partition {
    /// Drops a prefix: the first record that must stay ends it.
    fn release(&mut self, below: Offset, before: Millis) {
        while let Some(first) = self.entries.first_entry() {
            if *first.key() >= below || first.get().appended_at >= before {
                break;
            }
            self.start = first.key().0 + 1;
            first.remove();
        }
    }
}
