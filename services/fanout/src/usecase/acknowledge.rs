//! A device has applied and stored everything up to a sequence.

use xchat_types::{ConversationId, DeviceId, Sequence};

use super::Fanout;
use crate::Error;

impl Fanout {
    /// Moves the cursor and deletes the mark. Idempotent. A cursor above the head is told, never
    /// clamped.
    pub async fn acknowledge(
        &self,
        device: DeviceId,
        conversation: ConversationId,
        sequence: Sequence,
    ) -> Result<(), Error> {
        let (head, _) = self.own_row(device, conversation).await?;
        if sequence > head.sequence {
            return Err(Error::RolledBack);
        }
        let store = &self.conversations.store;
        Ok(store.acknowledge(device, conversation, sequence).await?)
    }
}
