//! Handing in what this device wants: texts, answers, updates.
//!
//! The rules (protocol, "Records, outcomes, counters"): counters without gaps; counter c + 32 never
//! before the outcome of c; nothing under a new epoch before every earlier submission has its
//! outcome; while a commit or an answer is in flight, texts wait. Each record is stored with the
//! state of the ratchet that made it, before it is sent.

use xchat_crypto::ControlRecord;
use xchat_mls::group::Change;
use xchat_proto::{
    client::{self, client_frame::Body as Frame},
    convert,
};
use xchat_types::{ControlKind, Counter, Header, Millis, RecordKind, limits::OUTCOME_WINDOW};

use super::{Body, Conversation, Outcomes, Phase, Submission, submission::What};
use crate::{
    desk::Desk,
    event::{NotSent, Suspension},
    link::Request,
    row::{RowKey, Table},
};

impl Conversation {
    /// Does whatever can go on now. Idempotent: called after everything that happens.
    pub(super) fn advance(&mut self, desk: &mut Desk) {
        self.plan_poll(desk);
        if let Phase::Merged(winner) = self.row.phase {
            self.move_waiting(desk, winner);
        }
        if !desk.may_submit() || self.row.suspension.is_some() || self.body.is_none() {
            return;
        }
        match self.live.retry_at {
            Some(at) if desk.now < at => return,
            Some(_) | None => self.live.retry_at = None,
        }
        if self.row.phase == Phase::Claiming {
            self.claim(desk);
            return;
        }
        if self.live.outcomes != Outcomes::Known {
            self.ask_outcomes(desk);
            return;
        }
        self.send_unsent(desk);
        self.answer(desk);
        while self.may_encrypt(desk) {
            if self.row.since_commit >= desk.settings.update_after && self.row.phase == Phase::Open
            {
                self.update(desk);
                return;
            }
            if !self.encrypt_next(desk) {
                return;
            }
        }
    }

    fn ask_outcomes(&mut self, desk: &mut Desk) {
        if self
            .body
            .as_ref()
            .is_some_and(|body| body.submissions.is_empty() && body.doubts.is_empty())
        {
            self.live.outcomes = Outcomes::Known;
            self.advance(desk);
            return;
        }
        if self.live.outcomes == Outcomes::Unknown {
            self.live.outcomes = Outcomes::Asked;
            let fetch = client::FetchOutcomesRequest {
                conversation_id: convert::id_bytes(&self.id),
            };
            desk.request(Request::Outcomes(self.id), Frame::FetchOutcomes(fetch));
        }
    }

    /// Sends stored submissions, in order.
    fn send_unsent(&mut self, desk: &mut Desk) {
        let id = self.id;
        let paced = self.live.paced;
        let Some(body) = &mut self.body else { return };
        for submission in body.submissions.values_mut() {
            if !submission.sent {
                submission.sent = true;
                let request = Request::Submit(id, submission.counter());
                desk.request(request, Frame::Submit(submission.request()));
            }
            if paced && submission.accepted_at.is_none() {
                return;
            }
        }
    }

    /// Whether the next text, if there is one, may be encrypted now.
    fn may_encrypt(&self, desk: &Desk) -> bool {
        self.live.retry_at.is_none_or(|at| at <= desk.now) && self.has_next(desk)
    }

    /// Whether a text is next, now or after a pause.
    pub(super) fn has_next(&self, desk: &Desk) -> bool {
        let Some(body) = &self.body else { return false };
        let (Some(group), Some(_)) = (&body.group, body.first_waiting()) else {
            return false;
        };
        let texts_only = |submission: &Submission| {
            matches!(submission.what(), What::Text(_)) && submission.epoch() == group.epoch()
        };
        let phase = match self.row.phase {
            Phase::Open => true,
            Phase::Asked => !self.row.first_sent && body.submissions.is_empty(),
            Phase::Claiming
            | Phase::Inviting
            | Phase::Invited
            | Phase::Declined
            | Phase::DeclinedByPeer
            | Phase::PeerLeft
            | Phase::Merged(_)
            | Phase::Closed => false,
        };
        phase
            && desk.may_submit()
            && self.row.suspension.is_none()
            && self.is_in_window(body)
            && body.submissions.values().all(texts_only)
    }

    fn is_in_window(&self, body: &Body) -> bool {
        let mut submissions = body.submissions.values();
        if self.live.paced && submissions.any(|submission| submission.accepted_at.is_none()) {
            return false;
        }
        let next = self.row.last_counter.next();
        let oldest = body.submissions.keys().next().copied().unwrap_or(next);
        next.0 < oldest.0.saturating_add(OUTCOME_WINDOW)
    }

    /// Header of the next record, under the group's epoch. Its counter is taken by
    /// [`Conversation::hand_in`].
    pub(super) fn next_header(&self, desk: &Desk, kind: RecordKind) -> Option<Header> {
        let group = self.body.as_ref()?.group.as_ref()?;
        Some(Header {
            conversation: self.id,
            incarnation: self.row.incarnation,
            epoch: group.epoch(),
            sender: desk.device()?.id(),
            counter: self.row.last_counter.next(),
            kind,
            created_at: desk.server_time(),
        })
    }

    /// Stores a record under the next counter and sends it.
    pub(super) fn hand_in(
        &mut self,
        desk: &mut Desk,
        what: What,
        header: Header,
        payload: Vec<u8>,
    ) {
        let mut submission = Submission::new(what, header, payload);
        let counter = submission.counter();
        self.row.last_counter = counter;
        let key = RowKey::within(self.id, Table::Submission, counter.0);
        desk.unit.set(key, submission.to_bytes());
        submission.sent = true;
        let request = Request::Submit(self.id, counter);
        desk.request(request, Frame::Submit(submission.request()));
        if let Some(body) = &mut self.body {
            body.submissions.insert(counter, submission);
        }
    }

    /// Encrypts the first waiting text. `false`: there is none, or it cannot be.
    fn encrypt_next(&mut self, desk: &mut Desk) -> bool {
        let Some(number) = self.body.as_ref().and_then(Body::first_waiting) else {
            return false;
        };
        let Some(header) = self.next_header(desk, RecordKind::Application) else {
            return false;
        };
        let content = self.compose(desk, number);
        let padded = Self::pad(&content);
        let group = self.body.as_mut().and_then(|body| body.group.as_mut());
        let (Some(group), Some(device)) = (group, desk.device()) else {
            return false;
        };
        let Ok(message) = group.encrypt(device, &header, &padded) else {
            self.suspend(desk, Suspension::NotMember);
            return false;
        };
        self.row.since_commit = self.row.since_commit.saturating_add(1);
        self.hand_in(desk, What::Text(number), header, message.into_bytes());
        true
    }

    /// The message's content; the first of a request names its sender.
    fn compose(&mut self, desk: &mut Desk, number: u64) -> Vec<u8> {
        let asks = self.row.phase == Phase::Asked;
        let identity = desk.identity.as_ref();
        let username = identity.and_then(|identity| identity.row.username.clone());
        let Some(text) = self
            .body
            .as_mut()
            .and_then(|body| body.outbox.get_mut(&number))
        else {
            return Vec::new();
        };
        text.content = text.compose(username.filter(|_| asks)).to_bytes();
        let text = text.clone();
        self.store_text(desk, number, &text);
        text.content
    }

    /// Renews this device's keys in the group.
    fn update(&mut self, desk: &mut Desk) {
        let Some(header) = self.next_header(desk, RecordKind::CommitBundle) else {
            return;
        };
        let group = self.body.as_mut().and_then(|body| body.group.as_mut());
        let (Some(group), Some(device)) = (group, desk.device()) else {
            return;
        };
        match group.commit(device, &header, &Change::default()) {
            Ok(bundle) => self.hand_in(desk, What::Commit, header, bundle.to_bytes()),
            Err(_) => self.suspend(desk, Suspension::NotMember),
        }
    }

    /// Submits the answer to a request, once nothing else is in flight.
    fn answer(&mut self, desk: &mut Desk) {
        let idle = self
            .body
            .as_ref()
            .is_some_and(|body| body.submissions.is_empty());
        let (Some(accept), true) = (self.row.answer, idle) else {
            return;
        };
        self.row.answer = None;
        if self.row.phase != Phase::Invited {
            return;
        }
        let kind = if accept {
            ControlKind::Accept
        } else {
            ControlKind::Decline
        };
        let header = self.next_header(desk, RecordKind::Control);
        let (Some(header), Some(device)) = (header, desk.device()) else {
            return;
        };
        let record = ControlRecord {
            conversation: self.id,
            incarnation: self.row.incarnation,
            kind,
            account: device.account(),
            device: device.id(),
            counter: header.counter,
            created_at: header.created_at,
            certificates: Vec::new(),
            detail: Vec::new(),
        };
        if let Ok(signed) = record.sign(device.key()) {
            self.hand_in(desk, What::Answer(accept), header, signed.to_bytes());
        }
    }

    /// When something is due here without anything happening before.
    pub(crate) fn next_due(&self, desk: &Desk) -> Option<Millis> {
        let submits = desk.may_submit() && self.body.is_some() && self.row.suspension.is_none();
        let retry = self.live.retry_at.filter(|_| submits);
        let outcome = self.oldest_accepted().filter(|_| submits);
        let outcome = outcome.map(|at| at.saturating_add(desk.settings.outcome_timeout_ms));
        let poll = self.live.poll_at.filter(|_| desk.is_ready());
        [retry, poll, outcome].into_iter().flatten().min()
    }

    fn oldest_accepted(&self) -> Option<Millis> {
        if self.live.outcomes == Outcomes::Asked || self.row.suspension.is_some() {
            return None;
        }
        let submissions = &self.body.as_ref()?.submissions;
        submissions
            .values()
            .filter_map(|submission| submission.accepted_at)
            .min()
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, desk: &mut Desk) {
        if self.body.is_none() {
            return;
        }
        self.poll(desk);
        let late = self
            .oldest_accepted()
            .is_some_and(|at| desk.now >= at.saturating_add(desk.settings.outcome_timeout_ms));
        if late && desk.is_ready() {
            self.live.outcomes = Outcomes::Unknown;
        }
        self.advance(desk);
        self.flush(desk);
    }

    /// A first contact that can never be made.
    pub(super) fn fail_request(&mut self, desk: &mut Desk, reason: NotSent) {
        self.close(desk, reason);
        if self.row.last_counter == Counter(0) {
            desk.task(crate::desk::Task::Forget(self.id));
        }
    }
}
