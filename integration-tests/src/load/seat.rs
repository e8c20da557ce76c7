//! A device's place in a conversation: outbox, cursor, and what it writes down.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::time::Instant;
use xchat_crypto::envelope;
use xchat_proto::{
    client::{DeliveredRecord, SubmitRequest, Withheld, delivered_record::Content},
    convert,
};
use xchat_types::{
    ConversationId, Counter, DeviceId, Epoch, Header, Incarnation, Outcome, RecordKind,
    RefuseReason, limits::OUTCOME_WINDOW,
};

use super::{Dice, Shared, crew, envelope::Mould};
use crate::{
    history::{Conversation, Hash, Received, Record, Submit, Told},
    raw::device::now,
};

/// A record without outcome.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) counter: Counter,
    pub(super) request: SubmitRequest,
    /// Accepted, and the server said nothing since that calls for it again.
    durable: bool,
    /// It came ahead of its turn once.
    early: bool,
}

const BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(3);

#[derive(Debug)]
pub(super) struct Seat {
    pub(super) number: Conversation,
    /// In [`Shared::seats`].
    place: usize,
    pub(super) conversation: ConversationId,
    epoch: Epoch,
    moulds: Arc<[Mould]>,
    /// Of the first and of the next record.
    first: Counter,
    next: Counter,
    /// Takes the server by its word: what was accepted is not sent again.
    trusts: bool,
    /// Without outcome, in order.
    pub(super) outbox: VecDeque<Open>,
    /// When the outbox is to be sent again.
    pub(super) resend_at: Option<Instant>,
    backoff: Duration,
    pub(super) cursor: u64,
    /// The highest sequence that the server has spoken of.
    pub(super) heard: u64,
    pub(super) pulls: bool,
    pub(super) pull_after: Option<Instant>,
    /// The highest acknowledgement that was sent on this socket.
    pub(super) acknowledged: u64,
    pub(super) submits: Vec<Submit>,
    pub(super) received: Vec<Received>,
}

impl Seat {
    pub(super) fn new(
        (number, place): (Conversation, usize),
        (conversation, epoch): (ConversationId, Epoch),
        (last, trusts): (Counter, bool),
        moulds: Arc<[Mould]>,
    ) -> Self {
        Self {
            trusts,
            number,
            place,
            conversation,
            epoch,
            moulds,
            first: last.next(),
            next: last.next(),
            outbox: VecDeque::new(),
            resend_at: None,
            backoff: BACKOFF,
            cursor: crew::AFTER,
            heard: crew::AFTER,
            pulls: false,
            pull_after: None,
            acknowledged: 0,
            submits: Vec::new(),
            received: Vec::new(),
        }
    }

    pub(super) const fn conversation(&self) -> Conversation {
        self.number
    }

    /// Another socket: what was asked on the former one is not answered any more.
    pub(super) fn reconnect(&mut self) {
        self.pulls = false;
        self.pull_after = None;
        self.resend_at = None;
        self.acknowledged = 0;
    }

    /// No counter c + 32 before the outcome of c.
    pub(super) fn has_room(&self) -> bool {
        self.resend_at.is_none() && (self.outbox.len() as u64) < OUTCOME_WINDOW
    }

    /// The next record, written down and put into the outbox.
    pub(super) fn write(&mut self, sender: DeviceId, dice: &mut Dice, shared: &Shared) -> Counter {
        let counter = self.next;
        let header = Header {
            conversation: self.conversation,
            incarnation: Incarnation(0),
            epoch: self.epoch,
            sender,
            counter,
            kind: RecordKind::Application,
            created_at: now(),
        };
        let request = self.moulds[dice.roll(self.moulds.len())].cast(&header);
        self.submits.push(Submit {
            conversation: self.number,
            counter: counter.0,
            content: hash(&request.digest),
            accepted: 0,
            outcomes: Vec::new(),
        });
        self.outbox.push_back(Open {
            counter,
            request,
            durable: false,
            early: false,
        });
        self.next = counter.next();
        shared.in_flight.fetch_add(1, Ordering::Relaxed);
        self.show(shared);
        counter
    }

    fn submit(&mut self, counter: Counter) -> Option<&mut Submit> {
        let index = counter.0.checked_sub(self.first.0)?;
        self.submits.get_mut(usize::try_from(index).ok()?)
    }

    fn open(&mut self, counter: Counter) -> Option<&mut Open> {
        self.outbox.iter_mut().find(|open| open.counter == counter)
    }

    /// What is to be sent again on another socket, in order.
    pub(super) fn unknown(&self) -> Vec<(Counter, SubmitRequest)> {
        let unknown = self
            .outbox
            .iter()
            .filter(|open| !(self.trusts && open.durable));
        unknown
            .map(|open| (open.counter, open.request.clone()))
            .collect()
    }

    pub(super) fn accepted(&mut self, counter: Counter, shared: &Shared) {
        if let Some(open) = self.open(counter) {
            open.durable = !open.early;
        }
        if let Some(submit) = self.submit(counter) {
            submit.accepted += 1;
            if submit.accepted == 1 {
                shared.accepted.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn told(&mut self, counter: Counter, told: Told, shared: &Shared) {
        let before = self.outbox.len();
        self.outbox.retain(|open| open.counter != counter);
        let closed = before - self.outbox.len();
        self.backoff = BACKOFF;
        shared.in_flight.fetch_sub(closed, Ordering::Relaxed);
        if let Some(submit) = self.submit(counter)
            && !submit.outcomes.contains(&told)
        {
            submit.outcomes.push(told);
        }
        self.show(shared);
    }

    /// Lets the driver see how far this is.
    fn show(&self, shared: &Shared) {
        let place = &shared.seats[self.place];
        let oldest = self.outbox.front().map_or(self.next, |open| open.counter);
        place.unsettled.store(oldest.0, Ordering::Release);
        place.written.store(self.next.0 - 1, Ordering::Release);
    }

    /// An outcome that came by itself. An applied record is not done before its stub is there.
    pub(super) fn outcome(
        &mut self,
        counter: Counter,
        outcome: Outcome,
        prefix: [u8; 8],
        shared: &Shared,
    ) {
        match outcome {
            Outcome::Applied(sequence) | Outcome::Parked(sequence) => {
                self.heard = self.heard.max(sequence.0);
            }
            Outcome::Refused(RefuseReason::CounterGap { expected }) => {
                let lacked = self.outbox.iter_mut();
                let lacked =
                    lacked.filter(|open| shared.sends_expected && open.counter >= expected);
                lacked.for_each(|open| open.durable = false);
                if let Some(open) = self.open(counter) {
                    (open.early, open.durable) = (true, false);
                }
                self.resend_in(Duration::from_millis(20));
            }
            Outcome::Refused(reason) => {
                self.told(counter, Told::Refused(reason.name().to_owned()), shared);
            }
            Outcome::Duplicate {
                first,
                digest_prefix,
            } => {
                if digest_prefix == prefix {
                    self.outcome(counter, *first, prefix, shared);
                } else {
                    let conflict = Told::Refused("counter_conflict".to_owned());
                    self.told(counter, conflict, shared);
                }
            }
        }
    }

    /// After a refusal that says: later. Each time later, for what is sent again is load, too.
    pub(super) fn retry(&mut self) {
        if self.resend_at.is_none() {
            self.resend_in(self.backoff);
            self.backoff = (self.backoff * 2).min(LONGEST_BACKOFF);
        }
    }

    pub(super) fn resend_in(&mut self, wait: Duration) {
        self.resend_at.get_or_insert(Instant::now() + wait);
    }

    /// A record that came; it is applied if it is the next one.
    pub(super) fn take(&mut self, record: &DeliveredRecord, own: DeviceId, shared: &Shared) {
        self.heard = self.heard.max(record.sequence);
        if record.sequence <= self.cursor {
            // Pushed again, and counted by the gateway until it is acknowledged again.
            self.acknowledged = 0;
        }
        if record.sequence != self.cursor + 1 {
            return;
        }
        let header = record.header.as_ref();
        let header = header.and_then(|header| Header::try_from(header).ok());
        let sender = header.map(|header| header.sender);
        let counter = header.map_or(Counter(0), |header| header.counter);
        let read = match (&record.content, header) {
            (Some(Content::Payload(payload)), Some(header)) => {
                *envelope::digest(&header, payload).as_bytes()
            }
            (Some(Content::Withheld(reason)), _)
                if *reason == Withheld::Own as i32 && sender == Some(own) =>
            {
                self.submit(counter)
                    .map_or([0; 32], |submit| submit.content)
            }
            _ => [0; 32],
        };
        let known = |id: DeviceId| shared.devices.iter().position(|device| *device == id);
        self.received.push(Received {
            conversation: self.number,
            record: Record {
                sequence: record.sequence,
                sender: sender.and_then(known),
                counter: counter.0,
                content: hash(&record.digest),
                head: hash(&record.head_hash),
            },
            read,
        });
        self.cursor = record.sequence;
        let place = &shared.seats[self.place];
        place.applied.store(record.sequence, Ordering::Release);
        if sender == Some(own) {
            self.told(counter, Told::Applied(record.sequence), shared);
        }
    }

    pub(super) fn acked(&self, sequence: u64, shared: &Shared) {
        let place = &shared.seats[self.place];
        place.acked.fetch_max(sequence, Ordering::AcqRel);
    }
}

/// First eight bytes of the digest of an outcome's record.
pub(super) fn prefix(bytes: &bytes::Bytes) -> [u8; 8] {
    convert::digest_prefix(bytes).unwrap_or_default()
}

pub(super) fn hash(bytes: &bytes::Bytes) -> Hash {
    bytes.as_ref().try_into().unwrap_or_default()
}
