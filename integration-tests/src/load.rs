//! Open-loop load of many devices in many conversations, which outlives its server.
//!
//! Arrivals are Poisson and do not wait for answers. A device that loses its socket connects again,
//! resumes, and sends what has no outcome again, in order, under the same counters. Everything is
//! written down for [`crate::history`]. Every second device takes ACCEPTED at its word and does not
//! send such a record again: else an acknowledgement that came too early would be mended unseen. A
//! device learns what it has missed only by what the server tells it (pushes, marks, outcomes), as a
//! real client does.

mod crew;
mod dice;
mod envelope;
mod hand;
mod seat;
mod session;

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::watch, task::JoinSet, time::Instant};
use xchat_types::{ConversationId, DeviceId};

pub use self::dice::Dice;
use self::hand::Hand;
use crate::history::{Conversation, Device, Held, History};

/// How much, from whom.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub devices: usize,
    /// Conversations; each has four members, and a device is in several.
    pub conversations: usize,
    /// Submissions a second of all devices together.
    pub rate: f64,
    pub seed: u64,
    /// That a record came too early is told once, to a socket, and is lost with it. Devices then send
    /// again from what the server expects, though it was accepted. Whether what was accepted is in
    /// the log has to be looked up there: [`crate::history::Submit::accepted`].
    pub sends_expected: bool,
}

/// What all devices and their driver look at.
#[derive(Debug)]
struct Shared {
    /// `host:port` of each gateway.
    servers: Vec<String>,
    devices: Vec<DeviceId>,
    /// Submitted and without outcome.
    in_flight: AtomicUsize,
    accepted: AtomicU64,
    sends_expected: bool,
    seats: Vec<Place>,
    /// Why requests were refused, how often, and submissions to which conversations.
    refusals: Mutex<BTreeMap<&'static str, Refused>>,
    phase: watch::Receiver<Phase>,
}

#[derive(Debug, Default)]
struct Refused {
    count: usize,
    conversations: BTreeSet<Conversation>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// So many surges so far: each makes every device submit at once.
    Loading(u64),
    /// No new submissions.
    Draining,
    Over,
}

/// A device in a conversation, seen from outside.
#[derive(Debug)]
struct Place {
    device: Device,
    conversation: Conversation,
    applied: AtomicU64,
    /// The highest acknowledgement that was answered.
    acked: AtomicU64,
    /// The last counter that was handed in.
    written: AtomicU64,
    /// The lowest counter without outcome; one above the last where all have theirs.
    unsettled: AtomicU64,
}

/// How far a device has come in a conversation.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub device: Device,
    pub conversation: Conversation,
    pub applied: u64,
    pub acked: u64,
    /// The last counter that it has handed in.
    pub written: u64,
    /// The lowest counter without outcome; one above the last where all have theirs.
    pub unsettled: u64,
}

/// Devices at work.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    phase: watch::Sender<Phase>,
    conversations: Vec<ConversationId>,
    hands: JoinSet<Hand>,
}

impl Load {
    /// Signs everybody up, founds the conversations, and lets them begin.
    pub async fn start(servers: &[String], plan: Plan) -> Self {
        let crew = crew::gather(&servers[0], plan).await;
        let (phase, seen) = watch::channel(Phase::Loading(0));
        let place = |(device, conversation)| Place {
            device,
            conversation,
            applied: AtomicU64::new(crew::AFTER),
            acked: AtomicU64::new(0),
            written: AtomicU64::new(0),
            unsettled: AtomicU64::new(u64::MAX),
        };
        let shared = Arc::new(Shared {
            servers: servers.to_vec(),
            devices: crew.devices.iter().map(|device| device.mls.id()).collect(),
            in_flight: AtomicUsize::new(0),
            accepted: AtomicU64::new(0),
            sends_expected: plan.sends_expected,
            refusals: Mutex::default(),
            seats: crew.places().into_iter().map(place).collect(),
            phase: seen,
        });
        let conversations = crew.conversations();
        let mut hands = JoinSet::new();
        for hand in crew.hands(plan, &shared) {
            hands.spawn(hand.run());
        }
        Self {
            shared,
            phase,
            conversations,
            hands,
        }
    }

    pub fn conversations(&self) -> &[ConversationId] {
        &self.conversations
    }

    pub fn devices(&self) -> &[DeviceId] {
        &self.shared.devices
    }

    /// Submissions without outcome.
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::Relaxed)
    }

    pub fn accepted(&self) -> u64 {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    pub fn progress(&self) -> Vec<Progress> {
        let progress = |place: &Place| Progress {
            device: place.device,
            conversation: place.conversation,
            applied: place.applied.load(Ordering::Acquire),
            acked: place.acked.load(Ordering::Acquire),
            written: place.written.load(Ordering::Acquire),
            unsettled: place.unsettled.load(Ordering::Acquire),
        };
        self.shared.seats.iter().map(progress).collect()
    }

    /// The reasons that requests were refused with, and how often.
    pub fn refusals(&self) -> BTreeMap<&'static str, usize> {
        let refusals = self.shared.refusals.lock().expect("no panic");
        let counts = refusals.iter();
        counts.map(|(reason, of)| (*reason, of.count)).collect()
    }

    /// Conversations to which a submission was refused for this reason.
    pub fn refused_in(&self, reason: &str) -> BTreeSet<Conversation> {
        let refusals = self.shared.refusals.lock().expect("no panic");
        let of = refusals.get(reason);
        of.map(|of| of.conversations.clone()).unwrap_or_default()
    }

    /// Every device submits several at once.
    pub fn surge(&self) {
        self.phase.send_modify(|phase| {
            if let Phase::Loading(surges) = phase {
                *surges += 1;
            }
        });
    }

    /// Waits until what was handed in before has its outcomes, and all members have come as far as
    /// any of them then was. A load that has just begun hands something in first.
    pub async fn caught_up(&self, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        let left = || end.saturating_duration_since(Instant::now());
        if !watched(|| self.accepted() > 0, patience).await {
            return false;
        }
        let counter = |counter: &AtomicU64| counter.load(Ordering::Acquire);
        let places = &self.shared.seats;
        let before: Vec<u64> = places.iter().map(|place| counter(&place.written)).collect();
        let has_outcomes = || {
            let mut places = places.iter().zip(&before);
            places.all(|(place, last)| counter(&place.unsettled) > *last)
        };
        if !watched(has_outcomes, left()).await {
            return false;
        }
        let ends = self.ends();
        let is_there = || {
            let mut places = places.iter();
            places.all(|place| counter(&place.applied) >= ends[&place.conversation])
        };
        watched(is_there, left()).await
    }

    /// How far the first member of each conversation is.
    fn ends(&self) -> BTreeMap<Conversation, u64> {
        let mut ends: BTreeMap<Conversation, u64> = BTreeMap::new();
        for place in self.progress() {
            let end = ends.entry(place.conversation).or_default();
            *end = place.applied.max(*end);
        }
        ends
    }

    /// Ends the load; waits until nothing is in flight and all members of a conversation have come
    /// equally far.
    pub async fn settled(&self, patience: Duration) -> bool {
        self.phase.send_replace(Phase::Draining);
        let all = || {
            let ends = self.ends();
            let behind = |place: &Progress| place.applied < ends[&place.conversation];
            self.in_flight() == 0 && !self.progress().iter().any(behind)
        };
        watched(all, patience).await
    }

    /// Sends everybody home; what they wrote down and what the server holds.
    pub async fn finish(mut self) -> History {
        self.phase.send_replace(Phase::Over);
        let mut hands = Vec::new();
        while let Some(hand) = self.hands.join_next().await {
            hands.push(hand.expect("a device that does not panic"));
        }
        hands.sort_by_key(Hand::number);
        let mut held: BTreeMap<Conversation, Held> = BTreeMap::new();
        for hand in &hands {
            for conversation in hand.conversations() {
                if let Entry::Vacant(place) = held.entry(conversation) {
                    place.insert(hand.pull_all(conversation).await);
                }
            }
        }
        History {
            diaries: hands.into_iter().map(Hand::into_diary).collect(),
            held,
            cursors: Vec::new(),
        }
    }
}

/// Looks again and again until it is so, or patience is at an end.
async fn watched(mut is_so: impl FnMut() -> bool, patience: Duration) -> bool {
    let end = Instant::now() + patience;
    while !is_so() {
        if Instant::now() > end {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    true
}
