//! What marks do not tell: that another copy of this profile has been at work.
//!
//! Marks say what a device has not acknowledged. Where a profile was copied, or put back from a
//! backup, another store has acknowledged in this device's name: there is no mark of what this
//! store lacks, and the welcome of a conversation may be gone altogether. So each process looks
//! once how far its conversations have come, and a conversation that is neither in the store nor in
//! a welcome is told of.

use std::collections::{BTreeMap, BTreeSet};

use xchat_proto::{
    client::{self, client_frame::Body},
    convert,
};
use xchat_types::{ConversationId, Sequence};

use super::Engine;
use crate::{conversation::Work, event::SecurityEvent, link::Request};

/// What this process has seen of it.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// The look at all conversations was taken.
    taken: bool,
    /// Of the last resume: conversations with a mark, or with a record that was pushed before, that
    /// are not stored; and those with a welcome.
    unknown: BTreeSet<ConversationId>,
    offered: BTreeSet<ConversationId>,
    /// Pushed since that resume.
    pushed: BTreeSet<ConversationId>,
    /// Unknown once before, and whether that was told.
    strangers: BTreeMap<ConversationId, bool>,
}

impl Engine {
    /// Asks where each conversation stands to which something can come, without loading it.
    pub(super) fn look_at_all(&mut self) {
        if std::mem::replace(&mut self.look.taken, true) {
            return;
        }
        let standing = self.conversations.values();
        let standing = standing.filter(|known| known.may_receive());
        let standing: Vec<_> = standing.map(|known| (known.id, known.row.cursor)).collect();
        for (id, cursor) in standing {
            let pull = client::PullRequest {
                conversation_id: convert::id_bytes(&id),
                after_sequence: cursor.0,
                limit: 1,
            };
            self.desk.request(Request::Look(id), Body::Pull(pull));
        }
    }

    pub(super) fn looked(&mut self, id: ConversationId, response: &client::PullResponse) {
        let head = Sequence(response.head_sequence);
        let known = self.conversations.get(&id);
        if known.is_some_and(|known| head > known.row.cursor) && !response.records.is_empty() {
            self.work(id, Work::Moved(head));
        }
    }

    /// A resume begins: what it offers, whether or not it can be opened now.
    pub(super) fn offered(&mut self, welcomes: &[client::Welcome]) {
        let ids = welcomes.iter().filter_map(|welcome| {
            convert::id::<ConversationId>(&welcome.conversation_id, "conversation_id").ok()
        });
        self.look.offered = ids.collect();
        self.look.unknown = std::mem::take(&mut self.look.pushed);
    }

    /// The server has something of a conversation for this device.
    pub(super) fn marked(&mut self, id: ConversationId) {
        if !self.conversations.contains_key(&id) {
            self.look.unknown.insert(id);
        }
    }

    /// All marks are read. A welcome may have come between them: the first time, both are asked
    /// for again.
    pub(super) fn judge_unknown(&mut self) {
        let mut again = false;
        for id in std::mem::take(&mut self.look.unknown) {
            if self.look.offered.contains(&id) || self.conversations.contains_key(&id) {
                continue;
            }
            match self.look.strangers.insert(id, true) {
                None => {
                    self.look.strangers.insert(id, false);
                    again = true;
                }
                Some(false) => self
                    .desk
                    .security(Some(id), SecurityEvent::UnknownConversation),
                Some(true) => {}
            }
        }
        if again {
            self.resume();
        }
    }

    /// A record was pushed for a conversation that is not stored: a resume tells whether there is
    /// a welcome. Its mark may still be on its way.
    pub(super) fn pushed_unknown(&mut self, id: ConversationId) {
        let awaited = self.welcomes.values().any(|welcome| welcome.is_of(&id));
        if awaited || self.look.strangers.get(&id) == Some(&true) {
            return;
        }
        self.look.strangers.insert(id, false);
        if self.look.pushed.insert(id) && !self.marks_open {
            self.resume();
        }
    }
}
