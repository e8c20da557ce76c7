//! What a joiner needs beside its welcome.

use xchat_types::{ConversationId, DeviceId, Epoch, Incarnation};

use super::Fanout;
use crate::{
    Error,
    domain::effects::{Founded, GroupForm},
    rows::Row,
};

impl Fanout {
    /// The group of an epoch that began in one of the device's stays, with the link of its commit.
    pub async fn fetch_tree(
        &self,
        device: DeviceId,
        conversation: ConversationId,
        incarnation: Incarnation,
        epoch: Epoch,
    ) -> Result<Founded, Error> {
        let (head, member) = self.own_row(device, conversation).await?;
        let rows = self
            .conversations
            .store
            .read_group_states(conversation, incarnation, epoch, epoch)
            .await?;
        let (_, row) = rows.first().ok_or(Error::NotFound)?;
        let GroupForm::Snapshot(founded) = GroupForm::decode(row)? else {
            return Err(Error::NotFound);
        };
        let at = founded.sequence;
        let inside = member
            .spans
            .iter()
            .any(|span| span.joined <= at && span.left.is_none_or(|left| at <= left));
        if at > head.sequence || !inside {
            return Err(Error::NotFound);
        }
        Ok(*founded)
    }
}
