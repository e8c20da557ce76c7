//! What became of this device's own records.

use xchat_crypto::padding;
use xchat_proto::{client::FetchOutcomesResponse, common, convert};
use xchat_types::{Counter, Outcome, RefuseReason, limits};

use super::{Conversation, Outcomes, Phase, Submission, doubt::begins, submission::What};
use crate::{
    desk::Desk,
    event::{Event, NotSent, Suspension},
    input::CloseReason,
    refusal,
};

impl Conversation {
    /// One outcome, pushed or asked for. An applied record is done with only when its stub comes,
    /// in its place among the others.
    pub(super) fn outcome(
        &mut self,
        desk: &mut Desk,
        counter: Counter,
        outcome: &Outcome,
        digest_prefix: [u8; 8],
    ) {
        let first_prefix = match outcome {
            Outcome::Duplicate { digest_prefix, .. } => *digest_prefix,
            Outcome::Applied(_) | Outcome::Refused(_) | Outcome::Parked(_) => digest_prefix,
        };
        let uses_counter = !matches!(outcome, Outcome::Refused(RefuseReason::CounterGap { .. }));
        if uses_counter && self.doubts(counter, first_prefix) {
            self.recall(desk, |of, digest| {
                of == counter && begins(digest, first_prefix)
            });
        }
        let body = self.body.as_ref();
        let Some(submission) = body
            .and_then(|body| body.submissions.get(&counter))
            .cloned()
        else {
            return;
        };
        if first_prefix != submission.digest_prefix() {
            // A gap is told of a record that was taken apart since. Else the counter was used by
            // another store with this device's keys.
            if uses_counter {
                self.suspend(desk, Suspension::CounterConflict);
            }
            return;
        }
        if uses_counter {
            self.settle_doubts(desk, counter);
        }
        match outcome.first() {
            Outcome::Applied(sequence) | Outcome::Parked(sequence) => {
                self.live.declined |= submission.what() == What::Answer(false);
                self.expect(desk, *sequence);
            }
            Outcome::Refused(RefuseReason::CounterGap { expected }) => {
                self.send_again_from(desk, *expected);
            }
            Outcome::Refused(reason) => self.refused(desk, &submission, *reason),
            Outcome::Duplicate { .. } => {}
        }
    }

    /// The record ended, the envelope did not: it keeps its counter and goes again, in order.
    fn send_again_from(&mut self, desk: &mut Desk, expected: Counter) {
        let cursor = self.row.cursor;
        let Some(body) = &mut self.body else { return };
        let known = body.submissions.contains_key(&expected);
        for (_, submission) in body.submissions.range_mut(expected..) {
            submission.forget_socket();
        }
        let oldest = body.submissions.keys().next().copied();
        if !known && oldest.is_some_and(|oldest| expected < oldest) {
            // It has forgotten counters whose outcomes it told.
            self.suspend(
                desk,
                Suspension::RolledBack {
                    cursor,
                    head: cursor,
                },
            );
            return;
        }
        if self.live.retry_at.is_none() {
            self.live.retry_at = Some(desk.later(desk.settings.retry_ms / 8));
        }
    }

    fn refused(&mut self, desk: &mut Desk, submission: &Submission, reason: RefuseReason) {
        let mendable = match reason {
            RefuseReason::StaleEpoch | RefuseReason::AwaitingConsent | RefuseReason::Expired => {
                true
            }
            RefuseReason::NotMember
            | RefuseReason::InvalidHandshake
            | RefuseReason::DeniedByRole
            | RefuseReason::TooLarge
            | RefuseReason::CounterGap { .. } => false,
        };
        if mendable {
            self.mend(desk, submission);
            let group = self.body.as_ref().and_then(|body| body.group.as_ref());
            let here = group.is_some_and(|group| group.epoch() == submission.epoch());
            if here || reason == RefuseReason::AwaitingConsent {
                // Only a record that is on its way can change this: nothing more under this epoch
                // before it is here.
                self.live.retry_at = Some(desk.later(desk.settings.retry_ms));
                self.pull(desk);
            }
        } else {
            self.give_up(desk, submission, NotSent::Refused(reason));
        }
    }

    /// The counter is used up, what it was for is not done: it is made anew.
    pub(super) fn mend(&mut self, desk: &mut Desk, submission: &Submission) {
        self.forget_submission(desk, submission);
        match submission.what() {
            What::Text(_) => {}
            What::Commit => self.drop_pending_commit(),
            What::Answer(accept) => self.row.answer = Some(accept),
            What::Genesis => self.close(desk, NotSent::Refused(RefuseReason::StaleEpoch)),
        }
        if submission.what() == What::Commit && self.row.phase == Phase::Inviting {
            // Only the first commit invites, and nobody else was there to be first.
            self.close(desk, NotSent::Refused(RefuseReason::StaleEpoch));
        }
    }

    /// The outcome is final.
    pub(super) fn give_up(&mut self, desk: &mut Desk, submission: &Submission, reason: NotSent) {
        self.forget_submission(desk, submission);
        match submission.what() {
            What::Text(number) => self.not_sent(desk, number, reason),
            What::Commit => {
                self.drop_pending_commit();
                if self.row.phase == Phase::Inviting {
                    self.close(desk, reason);
                }
            }
            What::Genesis => self.close(desk, reason),
            What::Answer(_) => {
                if reason == NotSent::Refused(RefuseReason::NotMember) {
                    self.suspend(desk, Suspension::NotMember);
                }
            }
        }
    }

    fn drop_pending_commit(&mut self) {
        let group = self.body.as_mut().and_then(|body| body.group.as_mut());
        if let Some(group) = group.filter(|group| group.has_pending_commit()) {
            // A pending commit that stays only costs a refusal later: it can never be applied.
            let _ = group.clear_pending_commit();
        }
    }

    /// An own request that came to nothing.
    pub(super) fn close(&mut self, desk: &mut Desk, reason: NotSent) {
        if self.row.phase.is_own_request() {
            self.row.phase = Phase::Closed;
            self.fail_waiting(desk, reason);
        }
    }

    /// What became of everything that was sent on earlier sockets.
    pub(super) fn outcomes(&mut self, desk: &mut Desk, response: &FetchOutcomesResponse) {
        self.live.outcomes = Outcomes::Known;
        let last = Counter(response.last_counter);
        if last > self.highest_counter() {
            self.suspend(desk, Suspension::CounterConflict);
            return;
        }
        for told in &response.outcomes {
            let outcome = told.outcome.as_ref().map(Outcome::try_from);
            let prefix = convert::digest_prefix(&told.digest_prefix);
            if let (Some(Ok(outcome)), Ok(prefix)) = (outcome, prefix) {
                self.outcome(desk, Counter(told.counter), &outcome, prefix);
            }
        }
        // What the server has not seen goes again; what it has seen waits for its stub.
        let told = |counter: Counter| counter <= last;
        let Some(body) = &mut self.body else { return };
        for submission in body.submissions.values_mut() {
            if told(submission.counter()) {
                submission.sent = true;
                submission.accepted_at = Some(desk.now);
            } else if submission.accepted_at.is_some() {
                submission.forget_socket();
            }
        }
    }

    pub(super) fn outcomes_failed(&mut self, desk: &mut Desk, error: &common::Error) {
        self.live.outcomes = Outcomes::Unknown;
        if refusal::is_unknown_conversation(error.reason()) {
            // The genesis has not been folded, or never arrived.
            self.live.outcomes = Outcomes::Known;
        } else {
            self.retry_later(desk, error);
        }
    }

    /// The log has it; its outcome is to come.
    pub(super) fn accepted(&mut self, desk: &Desk, counter: Counter) {
        self.live.retry_warned = None;
        let body = self.body.as_mut();
        if let Some(submission) = body.and_then(|body| body.submissions.get_mut(&counter)) {
            submission.accepted_at = Some(desk.now);
        }
    }

    /// The server did not take a record this time. For the moment: it goes again with all that
    /// follow it. For good: its counter is free for others, unless it may have been taken before.
    pub(super) fn submit_failed(
        &mut self,
        desk: &mut Desk,
        counter: Counter,
        error: &common::Error,
    ) {
        let body = self.body.as_ref();
        let Some(submission) = body
            .and_then(|body| body.submissions.get(&counter))
            .cloned()
        else {
            return;
        };
        if error.reason() == common::Reason::ClockSkew {
            self.created_too_early(desk, &submission, error);
            return;
        }
        if refusal::is_final_for_record(error.reason()) {
            self.refused_for_good(desk, &submission, error);
            return;
        }
        self.live.paced |= error.reason() == common::Reason::RateLimited;
        self.send_again_after(counter);
        self.retry_later(desk, error);
    }

    /// It goes again, and all that follow it.
    fn send_again_after(&mut self, counter: Counter) {
        let Some(body) = &mut self.body else { return };
        for (of, submission) in body.submissions.range_mut(counter..) {
            if *of == counter {
                submission.refused_for_now();
            } else {
                submission.forget_socket();
            }
        }
    }

    /// Its time of creation is not acceptable yet: it is made anew, or waits. A fresh Hello tells
    /// the time.
    fn created_too_early(
        &mut self,
        desk: &mut Desk,
        submission: &Submission,
        error: &common::Error,
    ) {
        if !submission.is_unanswered() {
            self.free_counter(desk, submission);
            self.mend(desk, submission);
        } else if self.may_doubt_from(submission.counter()) {
            self.free_counter(desk, submission);
            self.doubt(desk, submission, None);
        } else {
            self.send_again_after(submission.counter());
            let ahead = desk.server_time().until(submission.header().created_at);
            if ahead > limits::CLOCK_WARN_MS {
                let wait = (ahead - limits::CLOCK_WARN_MS).max(desk.settings.retry_ms);
                self.live.retry_at = Some(desk.later(wait));
                return;
            }
        }
        let generation = desk.link.generation;
        desk.unit.close(generation, CloseReason::ClockMoved, None);
        self.retry_later(desk, error);
    }

    fn refused_for_good(
        &mut self,
        desk: &mut Desk,
        submission: &Submission,
        error: &common::Error,
    ) {
        let reason = error.reason();
        if !submission.is_unanswered() {
            self.free_counter(desk, submission);
            self.give_up(desk, submission, NotSent::ServerRefused(reason));
        } else if self.may_doubt_from(submission.counter()) {
            self.free_counter(desk, submission);
            self.doubt(desk, submission, Some(reason));
        } else if refusal::is_of_the_bytes(reason) {
            // The same bytes were refused the first time.
            self.free_counter(desk, submission);
            self.give_up(desk, submission, NotSent::ServerRefused(reason));
        } else {
            self.send_again_after(submission.counter());
            self.retry_later(desk, error);
        }
    }

    /// Whether this record and all after it can be in doubt.
    fn may_doubt_from(&self, counter: Counter) -> bool {
        let body = self.body.as_ref();
        body.is_some_and(|body| {
            let mut from = body.submissions.range(counter..);
            from.all(|(_, submission)| submission.can_be_in_doubt())
        })
    }

    /// Gives the record's counter to the next one. What has gone out above it is made anew under
    /// lower counters: without the record it is nothing but a gap to the log, and with the record,
    /// if that was taken before, it has its place.
    fn free_counter(&mut self, desk: &mut Desk, submission: &Submission) {
        let counter = submission.counter();
        self.row.last_counter = Counter(counter.0.saturating_sub(1));
        let Some(body) = &self.body else { return };
        let later = body.submissions.range(counter.next()..);
        let later: Vec<Submission> = later.map(|(_, submission)| submission.clone()).collect();
        for other in later {
            if submission.is_unanswered() && other.can_be_in_doubt() {
                self.doubt(desk, &other, None);
            } else {
                self.mend(desk, &other);
            }
        }
    }

    /// Nothing is submitted for a while, as long as the server says or the settings do.
    pub(super) fn retry_later(&mut self, desk: &mut Desk, error: &common::Error) {
        let pause = match error.retry_after_ms {
            0 => desk.settings.retry_ms,
            told => told,
        };
        self.live.retry_at = Some(desk.later(pause));
        if self.live.retry_warned.replace(error.reason) != Some(error.reason) {
            desk.event(Event::ServerRefused {
                request: "submit",
                reason: error.reason(),
                message: error.message.clone(),
            });
        }
    }

    /// Padded content of a message, as it is encrypted.
    pub(super) fn pad(content: &[u8]) -> Vec<u8> {
        padding::pad(content.to_vec())
    }
}
