//! One device: connects as often as it must.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, timeout};
use xchat_proto::{
    client::{PullRequest, client_frame::Body as Ask, server_frame::Body as Tell},
    convert,
};
use xchat_types::Header;

use super::{
    Dice, Phase, Shared, crew,
    seat::{self, Seat},
    session::Session,
};
use crate::{
    history::{Conversation, Diary, Held, Record},
    raw::{Device, Link},
};

/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(20);
/// From the connection to the first marks.
const LONGEST_OPENING: Duration = Duration::from_secs(10);
/// Submitted at once in a surge.
const SURGE: usize = 6;

#[derive(Debug)]
pub(super) struct Hand {
    number: usize,
    pub(super) device: Device,
    pub(super) seats: Vec<Seat>,
    pub(super) dice: Dice,
    pub(super) shared: Arc<Shared>,
    pub(super) rolled_back: bool,
    /// Between two arrivals, on average.
    mean: Duration,
    pub(super) next_arrival: Instant,
    /// Arrived, and not yet submitted.
    waiting: usize,
    phase: Phase,
}

impl Hand {
    pub(super) fn new(
        number: usize,
        (device, seats): (Device, Vec<Seat>),
        (mean, mut dice): (Duration, Dice),
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            number,
            device,
            seats,
            rolled_back: false,
            mean,
            next_arrival: Instant::now() + dice.wait(mean),
            dice,
            waiting: 0,
            phase: Phase::Loading(0),
            shared,
        }
    }

    pub(super) const fn number(&self) -> usize {
        self.number
    }

    pub(super) async fn run(mut self) -> Self {
        // Another gateway each time, where there are several.
        let gateways = self.shared.servers.clone();
        let mut gateways = gateways.iter().cycle().skip(self.number);
        while self.phase() != Phase::Over {
            let gateway = gateways.next().expect("a gateway");
            let opened = Link::try_open(gateway, &mut self.device);
            match timeout(LONGEST_OPENING, opened).await.ok().flatten() {
                Some((link, resumed)) => {
                    Session::new(&mut self, link).serve(resumed).await;
                }
                None => tokio::time::sleep(PAUSE).await,
            }
        }
        self
    }

    pub(super) fn phase(&mut self) -> Phase {
        let phase = *self.shared.phase.borrow();
        if let (Phase::Loading(before), Phase::Loading(now)) = (self.phase, phase) {
            self.waiting += SURGE * usize::try_from(now - before).expect("few surges");
        }
        self.phase = phase;
        phase
    }

    /// What has arrived and fits a window: the seat to submit it from.
    pub(super) fn due(&mut self) -> Option<usize> {
        if !matches!(self.phase(), Phase::Loading(_)) {
            return None;
        }
        while self.next_arrival <= Instant::now() {
            self.waiting += 1;
            self.next_arrival += self.dice.wait(self.mean);
        }
        let first = self.dice.roll(self.seats.len());
        let order = (0..self.seats.len()).map(|seat| (first + seat) % self.seats.len());
        let mut open = order.filter(|seat| self.seats[*seat].has_room());
        let seat = open.next().filter(|_| self.waiting > 0)?;
        self.waiting -= 1;
        Some(seat)
    }

    pub(super) fn conversations(&self) -> Vec<Conversation> {
        self.seats.iter().map(|seat| seat.number).collect()
    }

    /// All records of a conversation, as the server gives them to this member.
    pub(super) async fn pull_all(&self, conversation: Conversation) -> Held {
        let mut held = Held {
            after: crew::AFTER,
            dense: true,
            records: Vec::new(),
        };
        let seat = self.seats.iter().find(|seat| seat.number == conversation);
        let id = convert::id_bytes(&seat.expect("a member").conversation);
        let mut link = Link::open(&self.shared.servers[0], &self.device, false).await;
        let mut after = held.after;
        loop {
            let pull = PullRequest {
                conversation_id: id.clone(),
                after_sequence: after,
                limit: 0,
            };
            let Tell::Pull(page) = link.ask(Ask::Pull(pull)).await else {
                panic!("no page");
            };
            let Some(last) = page.records.last() else {
                return held;
            };
            after = last.sequence;
            for record in &page.records {
                let header = record.header.as_ref();
                let header = header.and_then(|header| Header::try_from(header).ok());
                let known = |sender| self.shared.devices.iter().position(|id| *id == sender);
                held.records.push(Record {
                    sequence: record.sequence,
                    sender: header.and_then(|header| known(header.sender)),
                    counter: header.map_or(0, |header| header.counter.0),
                    content: seat::hash(&record.digest),
                    head: seat::hash(&record.head_hash),
                });
            }
        }
    }

    pub(super) fn into_diary(self) -> Diary {
        let mut diary = Diary {
            member_of: self.conversations(),
            rolled_back: self.rolled_back,
            ..Diary::default()
        };
        for seat in self.seats {
            diary.submits.extend(seat.submits);
            diary.received.extend(seat.received);
        }
        diary
    }
}
