//! The message store on fjall: one database, a table each as in architecture, section 6.
//!
//! Writes are acknowledged once the operating system has them: a killed process loses nothing. A
//! power cut may take back what came after the last `sync`; it is folded again from the log, whose
//! commit hints are stored here and only behind a sync.

#[cfg(feature = "faults")]
mod clean;
mod conversation;
mod keys;
mod marks;
mod once;
mod positions;
mod store;
mod tables;

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use xchat_ports::{
    Clock, MessageStore, PortResult,
    message_store::{Mark, Mutation, OnceRow, RowKey, Rows, StoredEnvelope},
};
use xchat_types::{
    ConversationId, DeviceId, Epoch, Incarnation, LogId, Offset, PartitionId, Sequence, Stamp,
    WelcomeRef,
};

use self::store::Store;
use crate::{Checkpoints, OpenError, engine::blocking, lane::Lane};

/// The embedded message store. Clones share it; the last one closes it.
#[derive(Clone, Debug)]
pub struct EmbeddedMessageStore {
    store: Arc<Store>,
    lane: Lane,
}

impl EmbeddedMessageStore {
    /// Opens the store in a folder of its own, or begins one. Blocks.
    pub fn open(folder: &Path, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let store = Arc::new(Store::open(folder, clock)?);
        let lane = Lane::start("message-store").map_err(|error| OpenError::io(folder, error))?;
        Ok(Self { store, lane })
    }

    /// Whether another handle, or work that its caller no longer waits for, still uses the store.
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.store) > 1
    }

    /// Runs a hook after each sync. For tests.
    #[cfg(feature = "faults")]
    pub fn on_sync(&self, hook: crate::SyncHook) {
        self.store.engine.on_sync(hook);
    }

    /// On the store's own thread: writes of a few rows. One may wait for tables to be written out.
    async fn write<R: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> PortResult<R> + Send + 'static,
    ) -> PortResult<R> {
        let store = Arc::clone(&self.store);
        self.lane.run(move || work(&store)).await
    }

    /// On any thread that may wait: ranges, many rows, whatever syncs.
    async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> PortResult<R> + Send + 'static,
    ) -> PortResult<R> {
        let store = Arc::clone(&self.store);
        blocking(move || work(&store)).await
    }
}

#[async_trait]
impl MessageStore for EmbeddedMessageStore {
    /// In place: rows of a conversation that is being folded or read are in memory.
    async fn read_rows(&self, conversation: ConversationId, keys: &[RowKey]) -> PortResult<Rows> {
        self.store.read_rows(conversation, keys)
    }

    async fn read_members(&self, conversation: ConversationId) -> PortResult<Rows> {
        self.run(move |store| store.read_members(conversation))
            .await
    }

    async fn mutate(&self, mutation: &Mutation) -> PortResult<()> {
        let mutation = mutation.clone();
        self.write(move |store| store.mutate(&mutation)).await
    }

    async fn write_once(&self, rows: &[OnceRow]) -> PortResult<()> {
        let rows = rows.to_vec();
        self.write(move |store| store.write_once(&rows)).await
    }

    async fn read_envelopes(
        &self,
        conversation: ConversationId,
        after: Sequence,
        through: Sequence,
        limit: usize,
    ) -> PortResult<Vec<StoredEnvelope>> {
        self.run(move |store| store.read_envelopes(conversation, (after, through), limit))
            .await
    }

    async fn read_group_states(
        &self,
        conversation: ConversationId,
        incarnation: Incarnation,
        from: Epoch,
        through: Epoch,
    ) -> PortResult<Vec<(Epoch, Bytes)>> {
        self.run(move |store| store.read_group_states(conversation, incarnation, (from, through)))
            .await
    }

    /// The stamp is not needed: an epoch that was deleted stays so.
    async fn delete_group_states(
        &self,
        conversation: ConversationId,
        incarnation: Incarnation,
        below: Epoch,
        _stamp: Stamp,
    ) -> PortResult<()> {
        self.write(move |store| store.delete_group_states(conversation, incarnation, below))
            .await
    }

    async fn read_welcomes(&self, device: DeviceId) -> PortResult<Vec<(WelcomeRef, Bytes)>> {
        self.run(move |store| store.read_welcomes(device)).await
    }

    async fn delete_welcome(&self, device: DeviceId, reference: WelcomeRef) -> PortResult<()> {
        self.write(move |store| store.delete_welcome(device, reference))
            .await
    }

    async fn write_marks(&self, marks: &[Mark]) -> PortResult<()> {
        let marks = marks.to_vec();
        self.run(move |store| store.write_marks(&marks)).await
    }

    async fn read_marks(
        &self,
        device: DeviceId,
        after: Option<ConversationId>,
        limit: usize,
    ) -> PortResult<Vec<Mark>> {
        self.run(move |store| store.read_marks(device, after, limit))
            .await
    }

    async fn acknowledge(
        &self,
        device: DeviceId,
        conversation: ConversationId,
        sequence: Sequence,
    ) -> PortResult<()> {
        self.write(move |store| store.acknowledge(device, conversation, sequence))
            .await
    }

    async fn read_cursor(
        &self,
        device: DeviceId,
        conversation: ConversationId,
    ) -> PortResult<Option<Sequence>> {
        self.store.read_cursor(device, conversation)
    }

    async fn sync(&self) -> PortResult<()> {
        self.run(Store::sync).await
    }
}

#[async_trait]
impl Checkpoints for EmbeddedMessageStore {
    fn attach(&self, log: LogId) -> PortResult<Vec<(PartitionId, Offset)>> {
        self.store.attach(log)
    }

    async fn commit(&self, log: LogId, positions: &[(PartitionId, Offset)]) -> PortResult<()> {
        let positions = positions.to_vec();
        self.run(move |store| store.commit(log, &positions)).await
    }

    async fn settle(&self) -> PortResult<()> {
        self.sync().await
    }

    async fn committed(&self, log: LogId, partition: PartitionId) -> PortResult<Option<Offset>> {
        self.store.committed(log, partition)
    }
}
