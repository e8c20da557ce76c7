//! Group states and welcomes.

use bytes::Bytes;
use xchat_ports::PortResult;
use xchat_types::{ConversationId, DeviceId, Epoch, Incarnation, Stamp, WelcomeRef};

use super::{ScyllaMessageStore, saturated, timestamp};
use crate::error::corrupt;

impl ScyllaMessageStore {
    pub(super) async fn group_states(
        &self,
        conversation: ConversationId,
        incarnation: Incarnation,
        (from, through): (Epoch, Epoch),
    ) -> PortResult<Vec<(Epoch, Bytes)>> {
        if from > through {
            return Ok(Vec::new());
        }
        let values = (
            conversation.as_bytes().as_slice(),
            i64::from(incarnation.0),
            saturated(from.0),
            saturated(through.0),
        );
        let read = &self.statements.read_group_states;
        let rows: Vec<(i64, Vec<u8>)> = self.cluster.rows(read, values, usize::MAX).await?;
        rows.into_iter()
            .map(|(epoch, value)| {
                let epoch = u64::try_from(epoch).map_err(|_| corrupt("group_states"))?;
                Ok((Epoch(epoch), Bytes::from(value)))
            })
            .collect()
    }

    pub(super) async fn drop_group_states(
        &self,
        conversation: ConversationId,
        incarnation: Incarnation,
        (below, stamp): (Epoch, Stamp),
    ) -> PortResult<()> {
        let values = (
            timestamp(stamp.0)?,
            conversation.as_bytes().as_slice(),
            i64::from(incarnation.0),
            saturated(below.0),
        );
        self.cluster
            .execute(&self.statements.drop_group_states, values)
            .await?;
        Ok(())
    }

    pub(super) async fn welcomes(&self, device: DeviceId) -> PortResult<Vec<(WelcomeRef, Bytes)>> {
        let read = &self.statements.read_welcomes;
        let values = (device.as_bytes().as_slice(),);
        let rows: Vec<(Vec<u8>, Vec<u8>)> = self.cluster.rows(read, values, usize::MAX).await?;
        rows.into_iter()
            .map(|(reference, value)| {
                let reference = WelcomeRef::try_from(reference.as_slice());
                Ok((
                    reference.map_err(|_| corrupt("welcomes"))?,
                    Bytes::from(value),
                ))
            })
            .collect()
    }

    /// At the clock's time: a welcome of a later record under the same reference stays.
    pub(super) async fn drop_welcome(
        &self,
        device: DeviceId,
        reference: WelcomeRef,
    ) -> PortResult<()> {
        let now = timestamp(self.clock.now().0.saturating_mul(1_000))?;
        let values = (
            now,
            device.as_bytes().as_slice(),
            reference.as_bytes().as_slice(),
        );
        self.cluster
            .execute(&self.statements.drop_welcome, values)
            .await?;
        Ok(())
    }
}
