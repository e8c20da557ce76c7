//! The message store in the words of the domain.
//!
//! A row is always read with the head, and the rows of the head's last mutation lie over what was
//! read: see [`View`]. What the fold writes is either written once ([`once`]) or is the head's one
//! mutation ([`mutation`]).

pub mod group;
pub mod mutation;
pub mod once;
mod view;

use std::sync::Arc;

use xchat_ports::{
    MessageStore,
    message_store::{OnceRow, RowKey},
};
use xchat_types::ConversationId;

pub use view::View;

use crate::{
    Error,
    domain::{Conversation, Effects, Head},
};

/// Typed access to the stored conversations.
#[derive(Clone, Debug)]
pub struct Conversations {
    pub store: Arc<dyn MessageStore>,
}

impl Conversations {
    /// Head and members, without senders or group.
    pub async fn load(&self, id: ConversationId) -> Result<Conversation, Error> {
        let view = View::of(self.store.read_members(id).await?)?;
        let mut conversation = Conversation::unborn(id);
        if let Some(head) = view.head {
            conversation.head = head;
        }
        conversation.members.0 = view.members;
        Ok(conversation)
    }

    /// The head and chosen rows of a conversation.
    pub async fn view(&self, id: ConversationId, keys: &[RowKey]) -> Result<View, Error> {
        Ok(View::of(self.store.read_rows(id, keys).await?)?)
    }

    /// Rows that are invisible until the head names them.
    pub async fn write_once(&self, rows: &[OnceRow]) -> Result<(), Error> {
        if rows.is_empty() {
            return Ok(());
        }
        Ok(self.store.write_once(rows).await?)
    }

    /// The one batch of a record; again, it is the redo.
    pub async fn mutate(&self, id: ConversationId, head: &Head) -> Result<(), Error> {
        match mutation::of(id, head) {
            Some(mutation) => Ok(self.store.mutate(&mutation).await?),
            None => Ok(()),
        }
    }

    /// Deletes what the record made obsolete.
    pub async fn delete_obsolete(
        &self,
        id: ConversationId,
        effects: &Effects,
    ) -> Result<(), Error> {
        let Some((incarnation, below)) = effects.obsolete else {
            return Ok(());
        };
        let stamp = effects.stamp;
        Ok(self
            .store
            .delete_group_states(id, incarnation, below, stamp)
            .await?)
    }
}
