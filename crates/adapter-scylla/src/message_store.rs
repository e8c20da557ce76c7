//! The message store: write timestamps do what an embedded store does by comparison.

mod conversation;
mod group_states;
mod marks;
mod once;
mod statements;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use xchat_ports::{
    Clock, MessageStore, PortError, PortResult,
    message_store::{Mark, Mutation, OnceRow, RowKey, Rows, StoredEnvelope},
};
use xchat_types::{
    ConversationId, DeviceId, Epoch, Incarnation, Millis, Sequence, Stamp, WelcomeRef,
};

use self::statements::Statements;
use crate::{OpenError, ScyllaOptions, cluster::Cluster, migrator};

/// The distributed message store.
#[derive(Debug)]
pub struct ScyllaMessageStore {
    cluster: Cluster,
    statements: Statements,
    clock: Arc<dyn Clock>,
    /// Until when this process has said that a partition of envelopes exists.
    noted: Mutex<HashMap<(ConversationId, i64), Millis>>,
}

impl ScyllaMessageStore {
    /// Connects, checks the schema, prepares every statement.
    pub async fn open(options: ScyllaOptions, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let cluster = Cluster::connect(options).await?;
        migrator::check(&cluster).await?;
        let statements = Statements::prepare(&cluster).await?;
        Ok(Self {
            cluster,
            statements,
            clock,
            noted: Mutex::default(),
        })
    }
}

/// A number that CQL's bigint can hold, for ends of ranges.
fn saturated(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A sequence or stamp as a write timestamp.
fn timestamp(number: u64) -> PortResult<i64> {
    i64::try_from(number).map_err(|_| PortError::TooLarge("a write timestamp has 63 bits"))
}

#[async_trait]
impl MessageStore for ScyllaMessageStore {
    async fn read_rows(&self, conversation: ConversationId, keys: &[RowKey]) -> PortResult<Rows> {
        self.rows(conversation, keys).await
    }

    async fn read_members(&self, conversation: ConversationId) -> PortResult<Rows> {
        self.members(conversation).await
    }

    async fn mutate(&self, mutation: &Mutation) -> PortResult<()> {
        self.apply(mutation).await
    }

    async fn write_once(&self, rows: &[OnceRow]) -> PortResult<()> {
        self.write_rows(rows).await
    }

    async fn read_envelopes(
        &self,
        conversation: ConversationId,
        after: Sequence,
        through: Sequence,
        limit: usize,
    ) -> PortResult<Vec<StoredEnvelope>> {
        self.envelopes(conversation, (after, through), limit).await
    }

    async fn read_group_states(
        &self,
        conversation: ConversationId,
        incarnation: Incarnation,
        from: Epoch,
        through: Epoch,
    ) -> PortResult<Vec<(Epoch, Bytes)>> {
        self.group_states(conversation, incarnation, (from, through))
            .await
    }

    async fn delete_group_states(
        &self,
        conversation: ConversationId,
        incarnation: Incarnation,
        below: Epoch,
        stamp: Stamp,
    ) -> PortResult<()> {
        self.drop_group_states(conversation, incarnation, (below, stamp))
            .await
    }

    async fn read_welcomes(&self, device: DeviceId) -> PortResult<Vec<(WelcomeRef, Bytes)>> {
        self.welcomes(device).await
    }

    async fn delete_welcome(&self, device: DeviceId, reference: WelcomeRef) -> PortResult<()> {
        self.drop_welcome(device, reference).await
    }

    async fn write_marks(&self, marks: &[Mark]) -> PortResult<()> {
        self.put_marks(marks).await
    }

    async fn read_marks(
        &self,
        device: DeviceId,
        after: Option<ConversationId>,
        limit: usize,
    ) -> PortResult<Vec<Mark>> {
        self.marks(device, after, limit).await
    }

    async fn acknowledge(
        &self,
        device: DeviceId,
        conversation: ConversationId,
        sequence: Sequence,
    ) -> PortResult<()> {
        self.move_cursor(device, conversation, sequence).await
    }

    async fn read_cursor(
        &self,
        device: DeviceId,
        conversation: ConversationId,
    ) -> PortResult<Option<Sequence>> {
        self.cursor(device, conversation).await
    }

    /// Waits for the engine's sync interval: by then it has synced what it acknowledged before.
    async fn sync(&self) -> PortResult<()> {
        tokio::time::sleep(self.cluster.options.sync_interval).await;
        Ok(())
    }
}
