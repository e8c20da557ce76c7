//! What became of a device's latest records in a conversation.

use xchat_ports::message_store::RowKey;
use xchat_types::{ConversationId, DeviceId};

use super::Fanout;
use crate::{Error, domain::Sender};

impl Fanout {
    /// An empty row where nothing was seen: also of a device that is no member any more.
    pub async fn fetch_outcomes(
        &self,
        device: DeviceId,
        conversation: ConversationId,
    ) -> Result<Sender, Error> {
        let keys = [RowKey::Sender(device)];
        let mut view = self.conversations.view(conversation, &keys).await?;
        Ok(view.senders.remove(&device).unwrap_or_default())
    }
}
