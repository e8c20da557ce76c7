//! The message store.

use async_trait::async_trait;
use bytes::Bytes;
use xchat_ports::{
    MessageStore, PortResult,
    message_store::{Mark, Mutation, OnceRow, RowKey, Rows, StoredEnvelope},
};
use xchat_types::{ConversationId, DeviceId, Epoch, Incarnation, Sequence, Stamp, WelcomeRef};

use super::{Metered, timed};
use crate::metrics::Call;

#[async_trait]
impl MessageStore for Metered<dyn MessageStore> {
    async fn read_rows(&self, conversation: ConversationId, keys: &[RowKey]) -> PortResult<Rows> {
        timed(Call::MessagesReadRows, self.0.read_rows(conversation, keys)).await
    }

    async fn read_members(&self, conversation: ConversationId) -> PortResult<Rows> {
        timed(Call::MessagesReadMembers, self.0.read_members(conversation)).await
    }

    async fn mutate(&self, mutation: &Mutation) -> PortResult<()> {
        timed(Call::MessagesMutate, self.0.mutate(mutation)).await
    }

    async fn write_once(&self, rows: &[OnceRow]) -> PortResult<()> {
        timed(Call::MessagesWriteOnce, self.0.write_once(rows)).await
    }

    async fn read_envelopes(
        &self,
        conversation: ConversationId,
        after: Sequence,
        through: Sequence,
        limit: usize,
    ) -> PortResult<Vec<StoredEnvelope>> {
        timed(
            Call::MessagesReadEnvelopes,
            self.0.read_envelopes(conversation, after, through, limit),
        )
        .await
    }

    async fn read_group_states(
        &self,
        conversation: ConversationId,
        incarnation: Incarnation,
        from: Epoch,
        through: Epoch,
    ) -> PortResult<Vec<(Epoch, Bytes)>> {
        timed(
            Call::MessagesReadGroupStates,
            self.0
                .read_group_states(conversation, incarnation, from, through),
        )
        .await
    }

    async fn delete_group_states(
        &self,
        conversation: ConversationId,
        incarnation: Incarnation,
        below: Epoch,
        stamp: Stamp,
    ) -> PortResult<()> {
        timed(
            Call::MessagesDeleteGroupStates,
            self.0
                .delete_group_states(conversation, incarnation, below, stamp),
        )
        .await
    }

    async fn read_welcomes(&self, device: DeviceId) -> PortResult<Vec<(WelcomeRef, Bytes)>> {
        timed(Call::MessagesReadWelcomes, self.0.read_welcomes(device)).await
    }

    async fn delete_welcome(&self, device: DeviceId, reference: WelcomeRef) -> PortResult<()> {
        timed(
            Call::MessagesDeleteWelcome,
            self.0.delete_welcome(device, reference),
        )
        .await
    }

    async fn write_marks(&self, marks: &[Mark]) -> PortResult<()> {
        timed(Call::MessagesWriteMarks, self.0.write_marks(marks)).await
    }

    async fn read_marks(
        &self,
        device: DeviceId,
        after: Option<ConversationId>,
        limit: usize,
    ) -> PortResult<Vec<Mark>> {
        timed(
            Call::MessagesReadMarks,
            self.0.read_marks(device, after, limit),
        )
        .await
    }

    async fn acknowledge(
        &self,
        device: DeviceId,
        conversation: ConversationId,
        sequence: Sequence,
    ) -> PortResult<()> {
        timed(
            Call::MessagesAcknowledge,
            self.0.acknowledge(device, conversation, sequence),
        )
        .await
    }

    async fn read_cursor(
        &self,
        device: DeviceId,
        conversation: ConversationId,
    ) -> PortResult<Option<Sequence>> {
        timed(
            Call::MessagesReadCursor,
            self.0.read_cursor(device, conversation),
        )
        .await
    }

    async fn sync(&self) -> PortResult<()> {
        timed(Call::MessagesSync, self.0.sync()).await
    }
}
