//! The outbox: texts without an outcome.

use serde::{Deserialize, Serialize};
use xchat_crypto::padding::size_class;
use xchat_types::{ConversationId, Millis, limits};

use super::{Body, Conversation, Phase, submission::What};
use crate::{
    command::Ticket,
    content::{Content, Salt},
    desk::{Desk, Task},
    engine::QueuedText,
    event::{Event, Held, NotSent},
    returned::Returned,
    row::{RowError, RowKey, Table, blob, decode, encode},
};

/// Most that MLS adds to a padded message: frame, authenticated header, signature, tags.
const MLS_OVERHEAD: usize = 512;

/// One text of the outbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Text {
    pub(crate) ticket: Ticket,
    #[serde(with = "blob")]
    salt: [u8; 16],
    pub(crate) body: String,
    /// The message as it was encrypted last; empty before.
    #[serde(with = "blob")]
    pub(crate) content: Vec<u8>,
    /// Server time at which it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<Millis>,
    /// The row in which it waited for its name. It goes in the same batch in which the text comes
    /// into the outbox, however long that conversation takes to load.
    #[serde(skip)]
    waited: Option<u64>,
}

impl Text {
    pub(crate) const fn new(ticket: Ticket, salt: [u8; 16], body: String) -> Self {
        Self {
            ticket,
            salt,
            body,
            content: Vec::new(),
            since: None,
            waited: None,
        }
    }

    pub(crate) const fn written(mut self, since: Option<Millis>) -> Self {
        self.since = since;
        self
    }

    pub(crate) const fn having_waited(mut self, number: u64) -> Self {
        self.waited = Some(number);
        self
    }

    /// Ends the wait for the name: the text is in an outbox now, or will never be sent.
    pub(crate) fn end_wait(&mut self, desk: &mut Desk) {
        if let Some(number) = self.waited.take() {
            desk.unit.delete(RowKey::numbered(Table::Waiting, number));
        }
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, RowError> {
        decode("outbox", bytes)
    }

    /// The same message whenever it is encrypted again, but for the name, which only the first
    /// text of a request carries.
    pub(crate) fn compose(&self, username: Option<String>) -> Content {
        Content::text(Salt(self.salt), &self.body, username)
    }

    /// What no conversation could send.
    pub(crate) fn check(&self) -> Result<(), NotSent> {
        if self.body.trim().is_empty() {
            return Err(NotSent::Empty);
        }
        if self.fits(limits::MAX_APPLICATION_BYTES) {
            Ok(())
        } else {
            Err(NotSent::TooLarge)
        }
    }

    pub(crate) fn fits_request(&self) -> bool {
        self.fits(limits::MAX_REQUEST_BYTES)
    }

    fn fits(&self, limit: usize) -> bool {
        // A name of the longest kind, so that the answer does not hang on who sends.
        let name = "n".repeat(64);
        let content = self.compose(Some(name)).to_bytes().len();
        size_class(content.saturating_add(1)).saturating_add(MLS_OVERHEAD) <= limit
    }
}

impl Body {
    fn number_of(&self, ticket: Ticket) -> Option<u64> {
        let mut outbox = self.outbox.iter();
        let found = outbox.find(|(_, text)| text.ticket == ticket);
        found.map(|(number, _)| *number)
    }

    /// Number of the first text that is not submitted.
    pub(super) fn first_waiting(&self) -> Option<u64> {
        self.outbox
            .keys()
            .copied()
            .find(|number| !self.is_submitted(*number) && !self.is_refused_in_doubt(*number))
    }

    pub(super) fn is_submitted(&self, number: u64) -> bool {
        self.submissions
            .values()
            .any(|submission| submission.what() == What::Text(number))
    }

    /// Whether a record with the text has gone out: it can't be taken back any more.
    pub(super) fn is_on_its_way(&self, number: u64) -> bool {
        self.is_submitted(number) || self.is_in_doubt(number)
    }
}

impl Conversation {
    pub(super) fn queue(&mut self, desk: &mut Desk, mut text: Text) {
        let ticket = text.ticket;
        text.end_wait(desk);
        if let Some(reason) = self.refusal(&text) {
            self.give_back(desk, text, reason);
            return;
        }
        if self.row.phase == Phase::Invited {
            // Writing to somebody who asks is consent.
            self.row.answer = Some(true);
        }
        let known = |body: &Body| body.outbox.values().any(|other| other.ticket == ticket);
        if !self.body.as_ref().is_some_and(known) {
            self.put(desk, text);
        }
        desk.event(Event::Queued {
            ticket,
            conversation: Some(self.id),
            held: self.held(desk, ticket),
        });
    }

    /// At the end of the outbox.
    fn put(&mut self, desk: &mut Desk, text: Text) {
        self.row.last_text = self.row.last_text.saturating_add(1);
        self.store_text(desk, self.row.last_text, &text);
        if let Some(body) = &mut self.body {
            body.outbox.insert(self.row.last_text, text);
        }
    }

    pub(super) fn store_text(&self, desk: &mut Desk, number: u64, text: &Text) {
        let key = RowKey::within(self.id, Table::Outbox, number);
        desk.unit.set(key, encode(text));
    }

    fn refusal(&self, text: &Text) -> Option<NotSent> {
        if let Err(reason) = text.check() {
            return Some(reason);
        }
        match self.row.phase {
            Phase::DeclinedByPeer => Some(NotSent::RequestDeclined),
            Phase::PeerLeft => Some(NotSent::PeerLeft),
            Phase::Declined | Phase::Closed | Phase::Merged(_) => {
                Some(NotSent::ConversationUnknown)
            }
            Phase::Claiming | Phase::Inviting | Phase::Asked
                if self.awaits_first() && !text.fits_request() =>
            {
                Some(NotSent::TooLargeForRequest)
            }
            Phase::Claiming | Phase::Inviting | Phase::Asked | Phase::Invited | Phase::Open => None,
        }
    }

    /// Whether the next text would be the one that goes with the request.
    fn awaits_first(&self) -> bool {
        let empty = self.body.as_ref().is_none_or(|body| body.outbox.is_empty());
        self.row.phase.is_own_request() && !self.row.first_sent && empty
    }

    /// Why a text of the outbox does not go at once.
    fn held(&self, desk: &Desk, ticket: Ticket) -> Option<Held> {
        if !desk.link.is_online() {
            return Some(Held::Offline);
        }
        if desk.link.clock_stops() {
            return Some(Held::Clock);
        }
        if self.row.suspension.is_some() {
            return Some(Held::Suspended);
        }
        let body = self.body.as_ref();
        let number = body.and_then(|body| body.number_of(ticket));
        if number.is_some_and(|number| body.is_some_and(|body| body.is_refused_in_doubt(number))) {
            return Some(Held::InDoubt);
        }
        let first = body.and_then(|body| body.outbox.values().next());
        let is_first = first.is_some_and(|first| first.ticket == ticket) && !self.row.first_sent;
        (self.row.phase.is_own_request() && !is_first).then_some(Held::RequestOpen)
    }

    /// What lies in this outbox.
    pub(crate) fn queued(&self, desk: &Desk) -> Vec<QueuedText> {
        let Some(body) = &self.body else {
            return Vec::new();
        };
        let texts = body.outbox.iter().map(|(number, text)| QueuedText {
            ticket: text.ticket,
            conversation: Some(self.id),
            account: Some(self.row.peer),
            to: self.row.peer_name.clone(),
            text: text.body.clone(),
            since: text.since,
            held: self.held(desk, text.ticket).filter(|held| {
                // What has gone out waits for nothing but its outcome, unless that is offline.
                *held == Held::Offline || !body.is_submitted(*number)
            }),
        });
        texts.collect()
    }

    /// Whether a ticket lies in this outbox.
    pub(crate) fn has_ticket(&self, ticket: Ticket) -> bool {
        let body = self.body.iter();
        body.flat_map(|body| body.outbox.values())
            .any(|text| text.ticket == ticket)
    }

    pub(super) fn take_back(&mut self, desk: &mut Desk, ticket: Ticket) {
        let Some(body) = &mut self.body else { return };
        match body.number_of(ticket) {
            Some(number) if !body.is_on_its_way(number) => {
                body.outbox.remove(&number);
                desk.unit
                    .delete(RowKey::within(self.id, Table::Outbox, number));
                desk.event(Event::TakenBack { ticket });
                self.close_if_abandoned(desk);
            }
            Some(_) | None => desk.event(Event::NotTakenBack { ticket }),
        }
    }

    /// A request whose every text was taken back before anything was submitted.
    fn close_if_abandoned(&mut self, desk: &mut Desk) {
        let empty = self
            .body
            .as_ref()
            .is_some_and(|body| body.outbox.is_empty());
        if empty && self.row.phase == Phase::Claiming {
            self.row.phase = Phase::Closed;
            desk.task(Task::Forget(self.id));
        }
    }

    /// Takes a text out of the outbox, for its outcome or for another conversation.
    pub(super) fn remove_text(&mut self, desk: &mut Desk, number: u64) -> Option<Text> {
        let text = self.body.as_mut()?.outbox.remove(&number)?;
        desk.unit
            .delete(RowKey::within(self.id, Table::Outbox, number));
        Some(text)
    }

    pub(super) fn not_sent(&mut self, desk: &mut Desk, number: u64, reason: NotSent) {
        if let Some(text) = self.remove_text(desk, number) {
            self.give_back(desk, text, reason);
        }
    }

    fn give_back(&self, desk: &mut Desk, text: Text, reason: NotSent) {
        desk.give_back(Returned {
            ticket: text.ticket,
            conversation: Some(self.id),
            to: self.row.peer_name.clone(),
            text: text.body,
            reason,
        });
    }

    /// Texts that are not submitted, out of the outbox in their order.
    fn drain_waiting(&mut self, desk: &mut Desk) -> Vec<Text> {
        let Some(body) = &self.body else {
            return Vec::new();
        };
        let numbers = body.outbox.keys().copied();
        let waiting: Vec<u64> = numbers
            .filter(|number| !body.is_on_its_way(*number))
            .collect();
        waiting
            .into_iter()
            .filter_map(|number| self.remove_text(desk, number))
            .collect()
    }

    pub(super) fn fail_waiting(&mut self, desk: &mut Desk, reason: NotSent) {
        for text in self.drain_waiting(desk) {
            self.give_back(desk, text, reason);
        }
    }

    pub(super) fn move_waiting(&mut self, desk: &mut Desk, to: ConversationId) {
        let texts = self.drain_waiting(desk);
        if !texts.is_empty() {
            desk.task(Task::Move { texts, to });
        }
    }

    /// Texts that began in another conversation; they were told of already.
    pub(crate) fn adopt(&mut self, desk: &mut Desk, texts: Vec<Text>) {
        for text in texts {
            self.put(desk, text);
        }
        self.advance(desk);
        self.flush(desk);
    }
}
