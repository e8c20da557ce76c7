//! A message store in memory with real write timestamps, on three simulated replicas.

mod cell;
mod cluster;
mod rows;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use xchat_ports::{
    Clock, MessageStore, PortError, PortResult,
    message_store::{Mark, Mutation, OnceRow, PayloadClass, RowKey, Rows, StoredEnvelope},
};
use xchat_types::{
    ConversationId, DeviceId, Epoch, Incarnation, Millis, Sequence, Stamp, WelcomeRef,
};

pub use self::cell::CellKey;
use self::{
    cell::Cell,
    cluster::Cluster,
    rows::{conversation_batch, first_welcome, last_welcome, once_cell, sequence_cell},
};
use crate::{Faults, faults::injected, lock};

/// A handle; clones share the replicas, and each can be killed by itself, like a worker.
#[derive(Debug)]
pub struct MemoryMessageStore {
    shared: Arc<Shared>,
    /// Writes left before this handle dies; negative is "never", `DEAD` is dead.
    lifetime: AtomicI64,
}

#[derive(Debug)]
struct Shared {
    clock: Arc<dyn Clock>,
    cluster: Mutex<Cluster>,
    ticks: AtomicU64,
}

const FOREVER: i64 = i64::MAX;
const DEAD: i64 = -1;

impl Clone for MemoryMessageStore {
    /// A new, living handle on the same replicas.
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            lifetime: AtomicI64::new(FOREVER),
        }
    }
}

impl MemoryMessageStore {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_faults(clock, Faults::none())
    }

    pub fn with_faults(clock: Arc<dyn Clock>, faults: Faults) -> Self {
        Self {
            shared: Arc::new(Shared {
                clock,
                cluster: Mutex::new(Cluster::new(faults)),
                ticks: AtomicU64::new(2),
            }),
            lifetime: AtomicI64::new(FOREVER),
        }
    }

    /// Replaces the faults from now on, for all handles.
    pub fn set_faults(&self, faults: Faults) {
        lock(&self.shared.cluster).set_faults(faults);
    }

    /// Lets this handle do `writes` more writes; the next one is torn (any replicas may get it),
    /// and from then on every call through this handle is `Unavailable`. What a killed worker
    /// leaves behind.
    pub fn kill_after_writes(&self, writes: u32) {
        self.lifetime.store(i64::from(writes), Ordering::SeqCst);
    }

    /// All replicas lose power: each keeps a prefix of what it took since the last `sync`.
    pub fn cut_power(&self) {
        lock(&self.shared.cluster).cut_power();
    }

    /// Puts a mutation on chosen replicas only (bits 0, 1 and 2 of `mask`): what a writer that
    /// died half way left there.
    pub fn mutate_on(&self, mask: u8, mutation: &Mutation) {
        let batch = conversation_batch(mutation, self.now());
        lock(&self.shared.cluster).write_on(mask, &batch);
    }

    /// All live rows with their write timestamps, as a reader of all replicas would find them,
    /// without repair: for comparing end states.
    pub fn rows(&self) -> BTreeMap<CellKey, (u64, Bytes)> {
        lock(&self.shared.cluster).merged(self.now())
    }

    fn tick(&self) -> u64 {
        self.shared.ticks.fetch_add(1, Ordering::SeqCst)
    }

    fn now(&self) -> Millis {
        self.shared.clock.now()
    }

    fn write(&self, batch: &[(CellKey, Cell)]) -> PortResult<()> {
        let left = self
            .lifetime
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| match left {
                FOREVER | DEAD => None,
                left => Some(left - 1),
            })
            .unwrap_or_else(|unchanged| unchanged);
        let mut cluster = lock(&self.shared.cluster);
        match left {
            DEAD => Err(injected()),
            0 => {
                cluster.tear(batch);
                Err(injected())
            }
            _ => cluster.write(batch),
        }
    }

    fn check_alive(&self) -> PortResult<()> {
        if self.lifetime.load(Ordering::SeqCst) == DEAD {
            return Err(injected());
        }
        Ok(())
    }
}

#[async_trait]
impl MessageStore for MemoryMessageStore {
    async fn read_rows(&self, conversation: ConversationId, keys: &[RowKey]) -> PortResult<Rows> {
        self.check_alive()?;
        let now = self.now();
        let mut cluster = lock(&self.shared.cluster);
        let mask = cluster.check_read()?;
        let mut read = |key| {
            let cell = cluster.get(mask, CellKey::Conversation(conversation, key))?;
            let value = cell.alive(now)?.clone();
            Some((Stamp(cell.stamp), value))
        };
        let head = read(RowKey::Head);
        let rows = keys
            .iter()
            .filter(|key| **key != RowKey::Head)
            .filter_map(|key| Some((*key, read(*key)?.1)))
            .collect();
        Ok(Rows { head, rows })
    }

    async fn read_members(&self, conversation: ConversationId) -> PortResult<Rows> {
        self.check_alive()?;
        let now = self.now();
        let mut cluster = lock(&self.shared.cluster);
        let mask = cluster.check_read()?;
        let head = cluster
            .get(mask, CellKey::Conversation(conversation, RowKey::Head))
            .and_then(|cell| Some((Stamp(cell.stamp), cell.alive(now)?.clone())));
        let member = |byte| {
            let device = DeviceId::new([byte; DeviceId::LEN]);
            CellKey::Conversation(conversation, RowKey::Member(device))
        };
        let rows = cluster
            .scan(mask, member(0)..=member(u8::MAX), usize::MAX, now)
            .into_iter()
            .filter_map(|(key, _, value)| {
                let CellKey::Conversation(_, row) = key else {
                    return None;
                };
                Some((row, value))
            })
            .collect();
        Ok(Rows { head, rows })
    }

    async fn mutate(&self, mutation: &Mutation) -> PortResult<()> {
        if !mutation.changes.iter().any(|row| row.key == RowKey::Head) {
            return Err(PortError::Conflict("a mutation changes the head"));
        }
        self.write(&conversation_batch(mutation, self.now()))
    }

    async fn write_once(&self, rows: &[OnceRow]) -> PortResult<()> {
        let now = self.now();
        for row in rows {
            if let Some(cell) = once_cell(row, now, self.tick()) {
                self.write(&[cell])?;
            }
        }
        Ok(())
    }

    async fn read_envelopes(
        &self,
        conversation: ConversationId,
        after: Sequence,
        through: Sequence,
        limit: usize,
    ) -> PortResult<Vec<StoredEnvelope>> {
        self.check_alive()?;
        if after >= through {
            return Ok(Vec::new());
        }
        let now = self.now();
        let mut cluster = lock(&self.shared.cluster);
        let mask = cluster.check_read()?;
        let range = CellKey::Envelope(conversation, after.next())
            ..=CellKey::Envelope(conversation, through);
        let page = cluster.page(limit);
        let mut found = Vec::new();
        for (key, _, value) in cluster.scan(mask, range, page, now) {
            let CellKey::Envelope(_, sequence) = key else {
                continue;
            };
            let classes = [PayloadClass::Hour, PayloadClass::Day, PayloadClass::Month];
            let payload = classes.into_iter().find_map(|class| {
                let cell = cluster.get(mask, CellKey::Payload(class, conversation, sequence))?;
                cell.alive(now).cloned()
            });
            found.push(StoredEnvelope {
                sequence,
                value,
                payload,
            });
        }
        Ok(found)
    }

    async fn read_group_states(
        &self,
        conversation: ConversationId,
        incarnation: Incarnation,
        from: Epoch,
        through: Epoch,
    ) -> PortResult<Vec<(Epoch, Bytes)>> {
        self.check_alive()?;
        if from > through {
            return Ok(Vec::new());
        }
        let now = self.now();
        let mut cluster = lock(&self.shared.cluster);
        let mask = cluster.check_read()?;
        let key = |epoch| CellKey::GroupState(conversation, incarnation, epoch);
        Ok(cluster
            .scan(mask, key(from)..=key(through), usize::MAX, now)
            .into_iter()
            .filter_map(|(key, _, value)| {
                let CellKey::GroupState(_, _, epoch) = key else {
                    return None;
                };
                Some((epoch, value))
            })
            .collect())
    }

    async fn delete_group_states(
        &self,
        conversation: ConversationId,
        incarnation: Incarnation,
        below: Epoch,
        stamp: Stamp,
    ) -> PortResult<()> {
        let key = |epoch| CellKey::GroupState(conversation, incarnation, epoch);
        let deleted = Cell {
            stamp: stamp.0,
            value: None,
            expires_at: None,
        };
        let batch: Vec<_> = lock(&self.shared.cluster)
            .keys(key(Epoch(0))..key(below))
            .into_iter()
            .map(|key| (key, deleted.clone()))
            .collect();
        self.write(&batch)
    }

    async fn read_welcomes(&self, device: DeviceId) -> PortResult<Vec<(WelcomeRef, Bytes)>> {
        self.check_alive()?;
        let now = self.now();
        let mut cluster = lock(&self.shared.cluster);
        let mask = cluster.check_read()?;
        Ok(cluster
            .scan(
                mask,
                first_welcome(device)..=last_welcome(device),
                usize::MAX,
                now,
            )
            .into_iter()
            .filter_map(|(key, _, value)| {
                let CellKey::Welcome(_, reference) = key else {
                    return None;
                };
                Some((reference, value))
            })
            .collect())
    }

    async fn delete_welcome(&self, device: DeviceId, reference: WelcomeRef) -> PortResult<()> {
        let cell = Cell {
            stamp: self.tick(),
            value: None,
            expires_at: None,
        };
        self.write(&[(CellKey::Welcome(device, reference), cell)])
    }

    async fn write_marks(&self, marks: &[Mark]) -> PortResult<()> {
        for mark in marks {
            let key = CellKey::Mark(mark.device, mark.conversation);
            self.write(&[(key, sequence_cell(mark.sequence, true))])?;
        }
        Ok(())
    }

    async fn read_marks(
        &self,
        device: DeviceId,
        after: Option<ConversationId>,
        limit: usize,
    ) -> PortResult<Vec<Mark>> {
        self.check_alive()?;
        let now = self.now();
        let mut cluster = lock(&self.shared.cluster);
        let mask = cluster.check_read()?;
        let edge = |byte| CellKey::Mark(device, ConversationId::new([byte; ConversationId::LEN]));
        let from = after.map_or(edge(0), |after| CellKey::Mark(device, after));
        let page = cluster.page(limit);
        let skip = usize::from(after.is_some());
        Ok(cluster
            .scan(mask, from..=edge(u8::MAX), page.saturating_add(skip), now)
            .into_iter()
            .filter_map(|(key, stamp, _)| {
                let CellKey::Mark(device, conversation) = key else {
                    return None;
                };
                Some(Mark {
                    device,
                    conversation,
                    sequence: Sequence(stamp),
                })
            })
            .filter(|mark| Some(mark.conversation) != after)
            .take(page)
            .collect())
    }

    async fn acknowledge(
        &self,
        device: DeviceId,
        conversation: ConversationId,
        sequence: Sequence,
    ) -> PortResult<()> {
        let cursor = CellKey::Cursor(device, conversation);
        self.write(&[(cursor, sequence_cell(sequence, true))])?;
        let mark = CellKey::Mark(device, conversation);
        self.write(&[(mark, sequence_cell(sequence, false))])
    }

    async fn read_cursor(
        &self,
        device: DeviceId,
        conversation: ConversationId,
    ) -> PortResult<Option<Sequence>> {
        self.check_alive()?;
        let now = self.now();
        let mut cluster = lock(&self.shared.cluster);
        let mask = cluster.check_read()?;
        Ok(cluster
            .get(mask, CellKey::Cursor(device, conversation))
            .filter(|cell| cell.alive(now).is_some())
            .map(|cell| Sequence(cell.stamp)))
    }

    async fn sync(&self) -> PortResult<()> {
        self.check_alive()?;
        lock(&self.shared.cluster).sync()
    }
}
