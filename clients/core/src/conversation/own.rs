//! Own records, which come back as stubs: the outcome and the cursor's step in one.

use xchat_crypto::SignedControl;
use xchat_types::{Header, RecordKind, Sequence};

use super::{
    Conversation, Phase, Record, Submission, chain::Stop, record::Content, submission::What,
};
use crate::{
    desk::Desk,
    event::{Event, NotSent, SecurityEvent, Suspension},
    row::{HistoryRow, RowKey, Table},
};

impl Conversation {
    pub(super) fn apply_own(
        &mut self,
        desk: &mut Desk,
        record: &Record,
        header: &Header,
    ) -> Result<(), Stop> {
        self.recall(desk, |of, digest| {
            of == header.counter && *digest == record.digest
        });
        let body = self.body.as_ref();
        let ours = body.and_then(|body| body.submissions.get(&header.counter));
        let Some(submission) = ours.filter(|ours| ours.digest() == record.digest).cloned() else {
            return self.apply_not_ours(desk, record, header);
        };
        self.settle_doubts(desk, header.counter);
        match &record.content {
            Content::Own | Content::Payload(_) => {}
            // Its text is here, so that an own message that has expired is sent all the same.
            Content::Expired if header.kind == RecordKind::Application => {}
            Content::Expired | Content::Parked => {
                let sequence = record.sequence;
                return Err(Stop::Untrusted(SecurityEvent::Withheld { sequence }));
            }
        }
        match submission.what() {
            What::Genesis => self.check_chain(record, &self.row.control())?,
            What::Commit => self.own_commit(desk, record, &submission)?,
            What::Text(number) => {
                self.check_chain(record, &self.row.control())?;
                self.text_sent(desk, record, &submission, number);
            }
            What::Answer(accept) => self.own_answer(desk, record, &submission, accept)?,
        }
        self.forget_submission(desk, &submission);
        Ok(())
    }

    /// A record that carries this device's name and is not its own: another store holds its keys,
    /// or the server made it up.
    fn apply_not_ours(
        &mut self,
        desk: &mut Desk,
        record: &Record,
        header: &Header,
    ) -> Result<(), Stop> {
        let sequence = record.sequence;
        desk.security(Some(self.id), SecurityEvent::NotOurs { sequence });
        if header.kind == RecordKind::Application {
            self.check_chain(record, &self.row.control())?;
            self.suspend(desk, Suspension::CounterConflict);
            return Ok(());
        }
        // Without its payload and secrets the device cannot follow.
        Err(Stop::Suspend(Suspension::CounterConflict))
    }

    fn own_commit(
        &mut self,
        desk: &mut Desk,
        record: &Record,
        submission: &Submission,
    ) -> Result<(), Stop> {
        let applied =
            self.merge_commit(desk, record, submission.header(), &submission.payload())?;
        self.row.since_commit = 0;
        if self.row.phase == Phase::Inviting && !applied.effect.added.is_empty() {
            self.row.phase = Phase::Asked;
        }
        Ok(())
    }

    fn text_sent(
        &mut self,
        desk: &mut Desk,
        record: &Record,
        submission: &Submission,
        number: u64,
    ) {
        let Some(text) = self.remove_text(desk, number) else {
            return;
        };
        let (Some(device), Some(account)) =
            (desk.device().map(xchat_mls::Device::id), desk.account())
        else {
            return;
        };
        let message = HistoryRow {
            sequence: record.sequence,
            sender: account,
            device,
            counter: submission.counter(),
            accepted_at: record.accepted_at,
            created_at: submission.header().created_at,
            ticket: Some(text.ticket),
            content: text.content,
        };
        self.store_message(desk, &message);
        self.row.first_sent = true;
        desk.event(Event::Sent {
            ticket: text.ticket,
            conversation: self.id,
            sequence: record.sequence,
            accepted_at: record.accepted_at,
        });
    }

    pub(super) fn store_message(&self, desk: &mut Desk, message: &HistoryRow) {
        let key = RowKey::within(self.id, Table::History, message.sequence.0);
        desk.unit.set(key, message.to_bytes().into());
    }

    fn own_answer(
        &mut self,
        desk: &mut Desk,
        record: &Record,
        submission: &Submission,
        accept: bool,
    ) -> Result<(), Stop> {
        let sequence = record.sequence;
        let refused = Stop::Untrusted(SecurityEvent::Refused { sequence });
        let signed = SignedControl::from_bytes(&submission.payload()).map_err(|_| refused)?;
        let effect = self.decide_control(record, submission.header(), &signed)?;
        self.check_chain(record, &effect.next)?;
        self.row.set_control(&effect.next);
        self.answered(desk, accept);
        Ok(())
    }

    /// A decline whose stub does not come, because delivery has ended with it.
    pub(super) fn finish_decline(&mut self, desk: &mut Desk) {
        let body = self.body.as_ref().filter(|_| self.live.declined);
        let declines = body.and_then(|body| {
            let mut submissions = body.submissions.values();
            submissions.find(|submission| submission.what() == What::Answer(false))
        });
        if let Some(submission) = declines.cloned() {
            self.forget_submission(desk, &submission);
            self.answered(desk, false);
        }
    }

    pub(super) fn forget_submission(&mut self, desk: &mut Desk, submission: &Submission) {
        let counter = submission.counter();
        desk.unit
            .delete(RowKey::within(self.id, Table::Submission, counter.0));
        if let Some(body) = &mut self.body {
            body.submissions.remove(&counter);
            self.live.paced &= !body.outbox.is_empty();
        }
    }

    /// Whether a parked record was this device's; if so, its text is told of.
    pub(super) fn park_own(&mut self, desk: &mut Desk, record: &Record) -> bool {
        self.recall(desk, |_, digest| *digest == record.digest);
        let body = self.body.as_ref();
        let ours = body.and_then(|body| {
            let mut submissions = body.submissions.values();
            submissions.find(|ours| ours.digest() == record.digest)
        });
        let Some(submission) = ours.cloned() else {
            return false;
        };
        self.give_up(desk, &submission, NotSent::Parked);
        true
    }

    /// The latest place of which the server has spoken.
    pub(super) fn expect(&mut self, desk: &mut Desk, sequence: Sequence) {
        if sequence > self.row.cursor {
            self.live.head = self.live.head.max(sequence);
            self.pull(desk);
        }
    }
}
