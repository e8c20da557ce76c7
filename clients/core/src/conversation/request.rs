//! A request of the peer: shown with its first text, answered, or crossed by an own one.

use xchat_types::ConversationId;

use super::{Body, Conversation, Phase, submission::What};
use crate::{
    content::Content,
    desk::{Desk, Task},
    event::Event,
    row::HistoryRow,
};

impl Conversation {
    /// A message is here: stored, and told of.
    pub(super) fn received(&mut self, desk: &mut Desk, message: HistoryRow) {
        self.store_message(desk, &message);
        let asks = self.row.phase == Phase::Invited && !self.has_consented();
        if !asks || desk.account() == Some(message.sender) {
            desk.event(Event::MessageReceived {
                conversation: self.id,
                peer: self.row.peer,
                name: self.row.peer_name.clone(),
                message,
            });
            return;
        }
        let claimed = Content::from_bytes(&message.content)
            .ok()
            .and_then(|content| content.extensions.username);
        match claimed {
            Some(name) if self.row.peer_name.is_none() && self.row.request.is_none() => {
                // Shown once it is known whether the name is the peer's.
                self.row.request = Some(message);
                desk.task(Task::CheckName(self.id, name));
            }
            Some(_) | None => self.announce(desk, message),
        }
    }

    /// Whether this account wants what the peer sends, though the log may not say so yet.
    fn has_consented(&self) -> bool {
        let body = self.body.as_ref();
        let accepting = |body: &Body| {
            let mut submissions = body.submissions.values();
            submissions.any(|submission| submission.what() == What::Answer(true))
        };
        self.row.answer == Some(true) || body.is_some_and(accepting)
    }

    fn announce(&self, desk: &mut Desk, message: HistoryRow) {
        desk.event(Event::RequestReceived {
            conversation: self.id,
            account: self.row.peer,
            name: self.row.peer_name.clone(),
            message,
        });
    }

    pub(super) fn name_checked(&mut self, desk: &mut Desk, name: Option<String>) {
        if self.row.peer_name.is_none() {
            self.row.peer_name = name;
        }
        if let Some(message) = self.row.request.take() {
            self.announce(desk, message);
        }
    }

    /// The name that the stored first text claims, if it waits for its lookup.
    pub(crate) fn claimed_name(&self) -> Option<String> {
        let message = self.row.request.as_ref()?.message()?;
        message.extensions.username
    }

    pub(super) fn wish_answer(&mut self, accept: bool) {
        if self.row.phase == Phase::Invited {
            self.row.answer = Some(accept);
        }
    }

    /// The own answer has its place in the log.
    pub(super) fn answered(&mut self, desk: &mut Desk, accept: bool) {
        let (conversation, account) = (self.id, self.row.peer);
        if accept {
            self.row.phase = Phase::Open;
            desk.event(Event::Accepted {
                conversation,
                account,
            });
        } else {
            self.row.phase = Phase::Declined;
            desk.event(Event::Declined {
                conversation,
                account,
            });
        }
    }

    /// The peer's request of the lower id goes on; what is under way here ends here, the rest goes
    /// there, and nothing is sent twice.
    pub(super) fn merge_into(&mut self, desk: &mut Desk, winner: ConversationId) {
        if !self.row.phase.is_own_request() {
            return;
        }
        self.move_waiting(desk, winner);
        if self.row.phase == Phase::Claiming {
            desk.task(Task::Forget(self.id));
        }
        self.row.phase = Phase::Merged(winner);
        desk.event(Event::RequestsCrossed {
            merged: self.id,
            into: winner,
        });
    }
}
