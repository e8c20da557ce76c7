//! Marks and cursors: the sequence is the write timestamp.

use futures_util::{StreamExt, TryStreamExt, stream};
use xchat_ports::{PortResult, message_store::Mark};
use xchat_types::{ConversationId, DeviceId, Sequence};

use super::{ScyllaMessageStore, timestamp};
use crate::error::corrupt;

/// Marks of one call in flight.
const AT_ONCE: usize = 64;

impl ScyllaMessageStore {
    pub(super) async fn put_marks(&self, marks: &[Mark]) -> PortResult<()> {
        let writes: Vec<_> = marks.iter().map(|mark| self.put_mark(*mark)).collect();
        stream::iter(writes)
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    async fn put_mark(&self, mark: Mark) -> PortResult<()> {
        let sequence = timestamp(mark.sequence.0)?;
        let (device, conversation) = (mark.device.as_bytes(), mark.conversation.as_bytes());
        let values = (
            device.as_slice(),
            conversation.as_slice(),
            sequence,
            sequence,
        );
        self.cluster
            .execute(&self.statements.put_mark, values)
            .await?;
        Ok(())
    }

    pub(super) async fn marks(
        &self,
        device: DeviceId,
        after: Option<ConversationId>,
        limit: usize,
    ) -> PortResult<Vec<Mark>> {
        let owner = device.as_bytes().as_slice();
        let rows: Vec<(Vec<u8>, i64)> = if let Some(after) = after {
            let values = (owner, after.as_bytes().as_slice());
            self.cluster
                .rows(&self.statements.read_marks_after, values, limit)
                .await?
        } else {
            self.cluster
                .rows(&self.statements.read_marks, (owner,), limit)
                .await?
        };
        rows.into_iter()
            .map(|(conversation, sequence)| {
                let conversation = ConversationId::try_from(conversation.as_slice());
                let sequence = u64::try_from(sequence).map_err(|_| corrupt("marks"))?;
                Ok(Mark {
                    device,
                    conversation: conversation.map_err(|_| corrupt("marks"))?,
                    sequence: Sequence(sequence),
                })
            })
            .collect()
    }

    /// Both rows have the device as partition key, so that they are one request to its replicas.
    pub(super) async fn move_cursor(
        &self,
        device: DeviceId,
        conversation: ConversationId,
        sequence: Sequence,
    ) -> PortResult<()> {
        let at = timestamp(sequence.0)?;
        let (device, conversation) = (device.as_bytes(), conversation.as_bytes());
        let (device, conversation) = (device.as_slice(), conversation.as_slice());
        let statements = [&self.statements.put_cursor, &self.statements.drop_mark];
        let values = ((device, conversation, at, at), (at, device, conversation));
        self.cluster.batch(statements, values).await
    }

    pub(super) async fn cursor(
        &self,
        device: DeviceId,
        conversation: ConversationId,
    ) -> PortResult<Option<Sequence>> {
        let (device, conversation) = (device.as_bytes(), conversation.as_bytes());
        let values = (device.as_slice(), conversation.as_slice());
        let row: Option<(i64,)> = self
            .cluster
            .row(&self.statements.read_cursor, values)
            .await?;
        row.map(|(sequence,)| {
            let sequence = u64::try_from(sequence).map_err(|_| corrupt("cursors"))?;
            Ok(Sequence(sequence))
        })
        .transpose()
    }
}
