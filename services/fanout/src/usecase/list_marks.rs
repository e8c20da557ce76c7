//! Conversations that moved while a device was away.

use xchat_ports::message_store::Mark;
use xchat_types::{ConversationId, DeviceId};

use super::Fanout;
use crate::Error;

/// Marks of one page.
const PAGE: usize = 1_000;

impl Fanout {
    /// A page of marks in conversation order, and where to go on, if there may be more.
    pub async fn list_marks(
        &self,
        device: DeviceId,
        after: Option<ConversationId>,
    ) -> Result<(Vec<Mark>, Option<ConversationId>), Error> {
        let store = &self.conversations.store;
        let mut marks: Vec<Mark> = Vec::new();
        while marks.len() < PAGE {
            let last = marks.last().map(|mark| mark.conversation).or(after);
            let page = store.read_marks(device, last, PAGE - marks.len()).await?;
            if page.is_empty() {
                return Ok((marks, None));
            }
            marks.extend(page);
        }
        let next = marks.last().map(|mark| mark.conversation);
        Ok((marks, next))
    }
}
