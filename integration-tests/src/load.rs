//! Open-loop load of many devices in many conversations, which outlives its server.
//!
//! Arrivals are Poisson and do not wait for answers. A device that loses its socket connects again,
//! resumes, and sends what has no outcome again, in order, under the same counters. Everything is
//! written down for [`crate::history`]. Every second device takes ACCEPTED at its word and does not
//! send such a record again: else an acknowledgement that came too early would be mended unseen. A device learns what it has missed only by what the server
//! tells it (pushes, marks, outcomes), as a real client does.

mod crew;
mod dice;
mod envelope;
mod hand;
mod seat;
mod session;

use std::{
    collections::{BTreeMap, btree_map::Entry},
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
}

/// What all devices and their driver look at.
#[derive(Debug)]
struct Shared {
    server: String,
    devices: Vec<DeviceId>,
    /// Submitted and without outcome.
    in_flight: AtomicUsize,
    accepted: AtomicU64,
    /// How often the server was lost.
    losses: AtomicU64,
    /// Of each device: the loss after which it was last in sync again.
    recovered: Vec<AtomicU64>,
    seats: Vec<Place>,
    /// Why requests were refused, and how often.
    refusals: Mutex<BTreeMap<&'static str, usize>>,
    phase: watch::Receiver<Phase>,
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
}

/// How far a device has come in a conversation.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub device: Device,
    pub conversation: Conversation,
    pub applied: u64,
    pub acked: u64,
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
    pub async fn start(server: &str, plan: Plan) -> Self {
        let crew = crew::gather(server, plan).await;
        let (phase, seen) = watch::channel(Phase::Loading(0));
        let place = |(device, conversation)| Place {
            device,
            conversation,
            applied: AtomicU64::new(crew::AFTER),
            acked: AtomicU64::new(0),
        };
        let shared = Arc::new(Shared {
            server: server.to_owned(),
            devices: crew.devices.iter().map(|device| device.mls.id()).collect(),
            in_flight: AtomicUsize::new(0),
            accepted: AtomicU64::new(0),
            losses: AtomicU64::new(0),
            recovered: crew.devices.iter().map(|_| AtomicU64::new(0)).collect(),
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
        };
        self.shared.seats.iter().map(progress).collect()
    }

    /// The reasons that requests were refused with, and how often.
    pub fn refusals(&self) -> BTreeMap<&'static str, usize> {
        self.shared.refusals.lock().expect("no panic").clone()
    }

    /// Every device submits several at once.
    pub fn surge(&self) {
        self.phase.send_modify(|phase| {
            if let Phase::Loading(surges) = phase {
                *surges += 1;
            }
        });
    }

    /// To be said when the server is gone and before it is there again.
    pub fn server_was_lost(&self) {
        self.shared.losses.fetch_add(1, Ordering::AcqRel);
    }

    /// Waits until every device has its outcomes of before the last loss and has caught up.
    pub async fn recovered(&self, patience: Duration) -> bool {
        let losses = self.shared.losses.load(Ordering::Acquire);
        let all = || {
            let mut devices = self.shared.recovered.iter();
            devices.all(|recovered| recovered.load(Ordering::Acquire) >= losses)
        };
        watched(all, patience).await
    }

    /// Ends the load; waits until nothing is in flight and all members of a conversation have come
    /// equally far.
    pub async fn settled(&self, patience: Duration) -> bool {
        self.phase.send_replace(Phase::Draining);
        let all = || {
            let mut ends: BTreeMap<Conversation, u64> = BTreeMap::new();
            let progress = self.progress();
            for place in &progress {
                let end = ends.entry(place.conversation).or_default();
                *end = place.applied.max(*end);
            }
            let behind = |place: &Progress| place.applied < ends[&place.conversation];
            self.in_flight() == 0 && !progress.iter().any(behind)
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
