//! What waits to be sent, for a person to look at.

use xchat_types::{AccountId, ConversationId, Millis};

use super::Engine;
use crate::{command::Ticket, conversation::Conversation, event::Held};

/// A text without an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedText {
    pub ticket: Ticket,
    /// `None` while its name was never resolved.
    pub conversation: Option<ConversationId>,
    pub account: Option<AccountId>,
    /// The name it is meant for, if one is known.
    pub to: Option<String>,
    pub text: String,
    /// Server time at which it was written; unknown for texts that an earlier version stored.
    pub since: Option<Millis>,
    /// Why it does not go now; `None` while it is on its way.
    pub held: Option<Held>,
}

impl Engine {
    /// All texts that wait, those for names that were never resolved last, else as they were
    /// written. Of conversations that are not loaded there are none: those are loaded first.
    pub fn outbox(&self) -> Vec<QueuedText> {
        let desk = &self.desk;
        let conversations = self.conversations.values();
        let mut queued: Vec<QueuedText> = conversations
            .flat_map(|conversation: &Conversation| conversation.queued(desk))
            .collect();
        queued.sort_by_key(|text| text.since);
        let waiting = self.directory.waiting();
        queued.extend(waiting.map(|waiting| QueuedText {
            ticket: waiting.ticket,
            conversation: None,
            account: None,
            to: Some(waiting.name.clone()),
            text: waiting.text.clone(),
            since: waiting.since,
            held: Some(Held::NameUnresolved),
        }));
        queued
    }
}
