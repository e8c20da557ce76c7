//! One message of the history.

use serde::{Deserialize, Serialize};
use xchat_types::{AccountId, ConversationId, Counter, DeviceId, Millis, Sequence};

use super::{RowError, blob, decode, encode};
use crate::{
    command::Ticket,
    content::{Content, MessageId, room_uri, sender_uri},
};

/// A message at its sequence, own or received, with its content as it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryRow {
    pub sequence: Sequence,
    /// From the MLS sender, never from the content.
    pub sender: AccountId,
    pub device: DeviceId,
    pub counter: Counter,
    /// When the server took it: what views are ordered by.
    pub accepted_at: Millis,
    /// When its device encrypted it, by the server's time as that device knew it.
    pub created_at: Millis,
    /// The send that it came from, for own messages of this device.
    #[serde(default)]
    pub ticket: Option<Ticket>,
    /// MIMI content, canonical for own messages, as received for others.
    #[serde(with = "blob")]
    pub content: Vec<u8>,
}

impl HistoryRow {
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self).to_vec()
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RowError> {
        decode("history", bytes)
    }

    /// The message, or `None` where this version cannot read it.
    pub fn message(&self) -> Option<Content> {
        Content::from_bytes(&self.content).ok()
    }

    /// Its text, or `None` where it is no text. Control characters are in it.
    pub fn text(&self) -> Option<String> {
        let message = self.message()?;
        message.as_text().map(|text| text.text.to_owned())
    }

    /// How other messages of the conversation refer to this one.
    pub fn message_id(&self, conversation: &ConversationId) -> Option<MessageId> {
        let message = self.message()?;
        Some(MessageId::of(
            &sender_uri(&self.sender),
            &room_uri(conversation),
            &self.content,
            message.salt,
        ))
    }

    /// Order of a view that merges conversations with one peer: accepted, then conversation, then
    /// sequence (protocol, "Request").
    pub const fn view_key(
        &self,
        conversation: ConversationId,
    ) -> (Millis, ConversationId, Sequence) {
        (self.accepted_at, conversation, self.sequence)
    }
}
