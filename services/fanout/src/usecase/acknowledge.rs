//! A device has applied and stored everything up to a sequence.

use xchat_ports::message_store::Mark;
use xchat_types::{ConversationId, DeviceId, Sequence};

use super::Fanout;
use crate::Error;

impl Fanout {
    /// Moves the cursor, then deletes the mark at the same sequence. Idempotent. A cursor above
    /// the head is told, never clamped.
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
        store.write_cursor(device, conversation, sequence).await?;
        store
            .delete_mark(Mark {
                device,
                conversation,
                sequence,
            })
            .await?;
        Ok(())
    }
}
