//! Getting what is missing, and acknowledging what is stored.

use xchat_proto::{
    client::{self, client_frame::Body},
    common, convert,
};
use xchat_types::Sequence;

use super::{Conversation, Phase};
use crate::{
    desk::Desk,
    event::{SecurityEvent, Suspension},
    link::Request,
    refusal,
};

impl Conversation {
    /// The server says how far the conversation has come.
    pub(super) fn moved(&mut self, desk: &mut Desk, sequence: Sequence) {
        if sequence > self.row.cursor {
            self.live.head = self.live.head.max(sequence);
            self.pull(desk);
        } else {
            // The mark is still there because an ack was lost.
            self.acknowledge(desk);
        }
    }

    pub(super) fn pull(&mut self, desk: &mut Desk) {
        if self.live.pull_open.is_some() || !self.row.receives() {
            return;
        }
        self.live.pull_open = Some(self.row.cursor);
        self.request_pull(desk, self.row.cursor, 0);
    }

    fn request_pull(&self, desk: &mut Desk, after: Sequence, limit: u32) {
        let pull = client::PullRequest {
            conversation_id: convert::id_bytes(&self.id),
            after_sequence: after.0,
            limit,
        };
        desk.request(Request::Pull(self.id), Body::Pull(pull));
    }

    pub(super) fn acknowledge(&self, desk: &mut Desk) {
        let ack = client::AckRequest {
            conversation_id: convert::id_bytes(&self.id),
            sequence: self.row.cursor.0,
        };
        desk.request(Request::Ack(self.id), Body::Ack(ack));
    }

    pub(super) fn pulled(&mut self, desk: &mut Desk, response: &client::PullResponse) {
        let Some(from) = self.live.pull_open.take() else {
            return;
        };
        let head = Sequence(response.head_sequence);
        if head < from {
            self.rolled_back(desk, head);
            return;
        }
        self.live.head = self.live.head.max(head);
        self.deliver(desk, &response.records);
        // Pushes may have brought the same meanwhile, and shown that there is more.
        if self.row.cursor > from {
            if self.row.cursor < self.live.head {
                self.pull(desk);
            }
        } else {
            self.nothing_came(desk);
        }
    }

    /// A pull that brought nothing, though a push had shown that there is something.
    fn nothing_came(&mut self, desk: &mut Desk) {
        self.live.head = self.row.cursor;
        self.finish_decline(desk);
        // A commit that waits for the right clock, and what is behind it, was given.
        let owed = self.live.owed.take().filter(|_| !desk.link.clock_stops());
        if let Some(got) = owed.filter(|got| *got > self.row.cursor.next()) {
            let expected = self.row.cursor.next();
            desk.security(Some(self.id), SecurityEvent::Gap { expected, got });
        }
    }

    pub(super) fn pull_failed(&mut self, desk: &mut Desk, error: &common::Error) {
        let Some(from) = self.live.pull_open.take() else {
            return;
        };
        let reason = error.reason();
        if reason == common::Reason::RolledBack && from > self.row.joined {
            // Where the head is, a pull from further back tells.
            self.live.pull_open = Some(from);
            self.request_pull(desk, self.row.joined, 1);
        } else if reason == common::Reason::RolledBack {
            self.rolled_back(desk, Sequence(0));
        } else if refusal::is_unknown_conversation(reason) {
            self.live.head = self.row.cursor;
        } else {
            self.retry_later(desk, error);
        }
    }

    pub(super) fn ack_failed(&mut self, desk: &mut Desk, error: &common::Error) {
        if error.reason() == common::Reason::RolledBack {
            self.pull(desk);
        }
    }

    /// The server knows less than this device acknowledged: it was restored from an older state.
    /// The device takes up from there, and sends nothing, for counters and epochs may be used up.
    fn rolled_back(&mut self, desk: &mut Desk, head: Sequence) {
        let cursor = self.row.cursor;
        self.suspend(desk, Suspension::RolledBack { cursor, head });
        self.row.cursor = head;
        self.row.head_hash = None;
        self.live.head = head;
    }

    /// Looks for the first text of a request, whose record is marked but not pushed.
    pub(crate) fn poll(&mut self, desk: &mut Desk) {
        if self.live.poll_at.is_some_and(|at| at <= desk.now) {
            self.live.poll_at = None;
            self.pull(desk);
            self.plan_poll(desk);
        }
    }

    /// A request whose first text has not come, in the first seconds after its welcome.
    pub(super) fn expects_first_text(&self) -> bool {
        const SOON: u32 = 3;
        let soon = self.live.poll_at.is_some() && self.live.polls <= SOON;
        soon && self.row.phase == Phase::Invited
    }

    pub(super) fn plan_poll(&mut self, desk: &Desk) {
        const FIRST_MS: u64 = 1_000;
        const MOST: u32 = 8;
        let phase = self.row.phase;
        let invited = !self.row.own && matches!(phase, Phase::Invited | Phase::Merged(_));
        let waits = invited && self.row.cursor == self.row.joined && desk.is_ready();
        if waits && self.live.poll_at.is_none() && self.live.polls < MOST {
            let pause = FIRST_MS << self.live.polls;
            self.live.polls = self.live.polls.saturating_add(1);
            self.live.poll_at = Some(desk.later(pause));
        }
    }
}
