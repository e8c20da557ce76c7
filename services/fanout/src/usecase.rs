//! What gateways ask for: one verb a file.

mod acknowledge;
mod fetch_outcomes;
mod fetch_tree;
mod fetch_welcomes;
mod list_marks;
mod pull_records;
mod submit_records;

use std::sync::Arc;

use xchat_ports::{Clock, EventLog, message_store::RowKey};
use xchat_types::{ConversationId, DeviceId};

pub use pull_records::Pulled;
pub use submit_records::Submission;

use crate::{
    Error, PartitionKey,
    domain::{Head, Member},
    lag::LagGuard,
    store::Conversations,
};

/// The use cases and what they work on.
#[derive(Clone)]
pub struct Fanout {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) conversations: Conversations,
    pub(crate) lag: Arc<LagGuard>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) partition_key: PartitionKey,
}

impl std::fmt::Debug for Fanout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fanout")
            .field("log", &self.log)
            .finish_non_exhaustive()
    }
}

impl Fanout {
    /// The head and the caller's own row, which it must have: it is or was a member.
    async fn own_row(
        &self,
        device: DeviceId,
        conversation: ConversationId,
    ) -> Result<(Head, Member), Error> {
        let keys = [RowKey::Member(device)];
        let mut view = self.conversations.view(conversation, &keys).await?;
        let head = view.head.filter(|head| head.group.is_some());
        let head = head.ok_or(Error::ConversationUnknown)?;
        let member = view.members.remove(&device).ok_or(Error::NotMember)?;
        Ok((head, member))
    }
}
