//! A device on one socket, until that ends.

use std::{collections::HashMap, time::Duration};

use tokio::time::{Instant, sleep_until};
use xchat_proto::{
    client::{
        AckRequest, ListMarksRequest, Mark, PullRequest, ResumeRequest, ResumeResponse,
        ServerFrame, client_frame::Body as Ask, server_frame::Body as Tell,
    },
    common::{Error, Reason},
    convert,
};
use xchat_types::{Counter, Outcome};

use super::{Phase, hand::Hand, seat};
use crate::raw::Link;

/// What answers are awaited for; seats by their number in the hand.
#[derive(Clone, Copy, Debug)]
enum Asked {
    Submit(usize, Counter),
    Pull(usize),
    Ack(usize, u64),
    Marks,
}

/// After an error that says: later.
const LATER: Duration = Duration::from_millis(100);
/// Then a device leaves by itself and comes again, where there are several gateways to another.
const STAY: (Duration, Duration) = (Duration::from_secs(10), Duration::from_mins(1));

#[derive(Debug)]
pub(super) struct Session<'a> {
    hand: &'a mut Hand,
    link: Link,
    asked: HashMap<u64, Asked>,
    resync: bool,
    /// Next page of marks.
    marks_after: Option<bytes::Bytes>,
    marks_open: bool,
    until: Instant,
}

impl<'a> Session<'a> {
    pub(super) fn new(hand: &'a mut Hand, link: Link) -> Self {
        let until = Instant::now() + hand.dice.between(STAY.0, STAY.1);
        Self {
            until,
            hand,
            link,
            asked: HashMap::new(),
            resync: false,
            marks_after: None,
            marks_open: false,
        }
    }

    /// `None` once the socket is closed, `Some` when the device leaves.
    pub(super) async fn serve(mut self, resumed: ResumeResponse) -> Option<()> {
        for seat in &mut self.hand.seats {
            seat.reconnect();
        }
        self.mark(&resumed.marks, resumed.next_marks_after);
        for seat in 0..self.hand.seats.len() {
            self.send_outbox(seat).await?;
        }
        let mut phase = self.hand.shared.phase.clone();
        while self.hand.phase() != Phase::Over && Instant::now() < self.until {
            while let Some(push) = self.link.pushes.pop_front() {
                self.hear(0, push);
            }
            self.send_due().await?;
            self.ask_for_missing().await?;
            self.acknowledge().await?;
            let wake = self.wake();
            tokio::select! {
                frame = self.link.next() => self.frame(frame?),
                () = sleep_until(wake) => {}
                _ = phase.changed() => {}
            }
            while let Some(frame) = self.link.ready() {
                self.frame(frame?);
            }
        }
        Some(())
    }

    fn wake(&self) -> Instant {
        let loading = matches!(*self.hand.shared.phase.borrow(), Phase::Loading(_));
        let arrival = loading.then_some(self.hand.next_arrival);
        let seats = self.hand.seats.iter();
        let timers = seats.flat_map(|seat| [seat.resend_at, seat.pull_after]);
        let all = timers.chain([arrival, Some(self.until)]).flatten();
        all.min().unwrap_or(self.until)
    }

    async fn send(&mut self, body: Ask, asked: Asked) -> Option<()> {
        let id = self.link.try_send(body).await?;
        self.asked.insert(id, asked);
        Some(())
    }

    async fn send_outbox(&mut self, number: usize) -> Option<()> {
        self.hand.seats[number].resend_at = None;
        for (counter, request) in self.hand.seats[number].unknown() {
            let asked = Asked::Submit(number, counter);
            self.send(Ask::Submit(request), asked).await?;
        }
        Some(())
    }

    async fn send_due(&mut self) -> Option<()> {
        for number in 0..self.hand.seats.len() {
            let due = self.hand.seats[number].resend_at;
            if due.is_some_and(|at| at <= Instant::now()) {
                self.send_outbox(number).await?;
            }
        }
        while let Some(number) = self.hand.due() {
            let Hand {
                seats,
                dice,
                shared,
                device,
                ..
            } = &mut *self.hand;
            let counter = seats[number].write(device.mls.id(), dice, shared);
            let open = seats[number].outbox.back().expect("just written");
            let request = Ask::Submit(open.request.clone());
            self.send(request, Asked::Submit(number, counter)).await?;
        }
        Some(())
    }

    async fn ask_for_missing(&mut self) -> Option<()> {
        if std::mem::take(&mut self.resync) {
            self.send(Ask::Resume(ResumeRequest {}), Asked::Marks)
                .await?;
        }
        if let (Some(after), false) = (&self.marks_after, self.marks_open) {
            let list = ListMarksRequest {
                after_conversation_id: after.clone(),
            };
            self.marks_open = true;
            self.send(Ask::ListMarks(list), Asked::Marks).await?;
        }
        for number in 0..self.hand.seats.len() {
            let seat = &mut self.hand.seats[number];
            let wait = seat.pull_after.is_some_and(|at| at > Instant::now());
            if seat.heard <= seat.cursor || seat.pulls || wait {
                continue;
            }
            seat.pulls = true;
            seat.pull_after = None;
            let pull = PullRequest {
                conversation_id: convert::id_bytes(&seat.conversation),
                after_sequence: seat.cursor,
                limit: 0,
            };
            self.send(Ask::Pull(pull), Asked::Pull(number)).await?;
        }
        Some(())
    }

    async fn acknowledge(&mut self) -> Option<()> {
        for number in 0..self.hand.seats.len() {
            let seat = &mut self.hand.seats[number];
            if seat.acknowledged == seat.cursor {
                continue;
            }
            let sequence = seat.cursor;
            seat.acknowledged = sequence;
            let ack = AckRequest {
                conversation_id: convert::id_bytes(&seat.conversation),
                sequence,
            };
            self.send(Ask::Ack(ack), Asked::Ack(number, sequence))
                .await?;
        }
        Some(())
    }

    fn frame(&mut self, frame: ServerFrame) {
        self.hear(frame.request_id, frame.body.expect("a body"));
    }

    fn hear(&mut self, request_id: u64, body: Tell) {
        let asked = self.asked.remove(&request_id);
        match (asked, body) {
            (_, Tell::DeliverPush(push)) => {
                for record in &push.records {
                    let header = record.header.as_ref();
                    let id = header.map(|header| header.conversation_id.clone());
                    if let Some(number) = id.and_then(|id| self.seat(&id)) {
                        self.take(number, record);
                    }
                }
            }
            (Some(Asked::Pull(number)), Tell::Pull(page)) => {
                let seat = &mut self.hand.seats[number];
                seat.pulls = false;
                seat.heard = seat.heard.max(page.head_sequence);
                for record in &page.records {
                    self.take(number, record);
                }
            }
            (_, Tell::OutcomePush(push)) => {
                let outcome = push.outcome.as_ref();
                let outcome = outcome.and_then(|outcome| Outcome::try_from(outcome).ok());
                let (counter, prefix) = (Counter(push.counter), seat::prefix(&push.digest_prefix));
                if let (Some(number), Some(outcome)) = (self.seat(&push.conversation_id), outcome) {
                    let seat = &mut self.hand.seats[number];
                    seat.outcome(counter, outcome, prefix, &self.hand.shared);
                }
            }
            (Some(Asked::Submit(number, counter)), Tell::Submit(_)) => {
                self.hand.seats[number].accepted(counter, &self.hand.shared);
            }
            (Some(Asked::Ack(number, sequence)), Tell::Ack(_)) => {
                self.hand.seats[number].acked(sequence, &self.hand.shared);
            }
            (Some(Asked::Marks), Tell::Resume(resumed)) => {
                self.mark(&resumed.marks, resumed.next_marks_after);
            }
            (Some(Asked::Marks), Tell::ListMarks(page)) => {
                self.mark(&page.marks, page.next_marks_after);
            }
            (_, Tell::ResyncPush(_)) => self.resync = true,
            (Some(asked), Tell::Error(error)) => self.refused(asked, &error),
            _ => {}
        }
    }

    fn refused(&mut self, asked: Asked, error: &Error) {
        self.hand.rolled_back |= error.reason() == Reason::RolledBack;
        let mut refusals = self.hand.shared.refusals.lock().expect("no panic");
        let refused = refusals.entry(error.reason().as_str_name()).or_default();
        refused.count += 1;
        if let Asked::Submit(number, _) = asked {
            let conversation = self.hand.seats[number].conversation();
            refused.conversations.insert(conversation);
        }
        drop(refusals);
        match asked {
            Asked::Submit(number, _) => self.hand.seats[number].retry(),
            Asked::Pull(number) => {
                let seat = &mut self.hand.seats[number];
                seat.pulls = false;
                seat.pull_after = Some(Instant::now() + LATER);
            }
            Asked::Ack(number, _) => self.hand.seats[number].acknowledged = 0,
            Asked::Marks => self.resync = true,
        }
    }

    fn seat(&self, conversation: &bytes::Bytes) -> Option<usize> {
        let mut seats = self.hand.seats.iter();
        seats.position(|seat| seat.conversation.as_bytes()[..] == conversation[..])
    }

    fn take(&mut self, number: usize, record: &xchat_proto::client::DeliveredRecord) {
        let own = self.hand.device.mls.id();
        self.hand.seats[number].take(record, own, &self.hand.shared);
    }

    fn mark(&mut self, marks: &[Mark], next: bytes::Bytes) {
        for mark in marks {
            if let Some(number) = self.seat(&mark.conversation_id) {
                let seat = &mut self.hand.seats[number];
                seat.heard = seat.heard.max(mark.sequence);
                if mark.sequence <= seat.cursor {
                    // The mark is still there because an acknowledgement was lost.
                    seat.acknowledged = 0;
                }
            }
        }
        self.marks_after = (!next.is_empty()).then_some(next);
        self.marks_open = false;
    }
}
