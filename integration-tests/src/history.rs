//! An offline checker of what clients wrote down against what the server holds at the end.
//!
//! Pure: it sees no process, no store and no clock. Devices and conversations are numbers here, a
//! record is known by its sender and counter and by a hash of its content.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

pub type Device = usize;
pub type Conversation = usize;
pub type Hash = [u8; 32];

/// Everything that is judged.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Of each device, in order.
    pub diaries: Vec<Diary>,
    /// What a pull of each conversation gave when all was over.
    pub held: BTreeMap<Conversation, Held>,
    /// What the server's stores held of cursors, each time it had been killed.
    pub cursors: Vec<Cursor>,
}

/// What one device wrote down.
#[derive(Clone, Debug, Default)]
pub struct Diary {
    /// Conversations that it is in.
    pub member_of: Vec<Conversation>,
    pub submits: Vec<Submit>,
    /// In the order of arrival, each once.
    pub received: Vec<Received>,
    /// The server told it that its cursor lies above the head.
    pub rolled_back: bool,
}

/// A record that a device handed in, and what it was told of it.
#[derive(Clone, Debug)]
pub struct Submit {
    pub conversation: Conversation,
    pub counter: u64,
    pub content: Hash,
    /// How often the server has answered ACCEPTED: for so many records of the log.
    pub accepted: u64,
    /// What it was told of it, each once: one in all (I17).
    pub outcomes: Vec<Told>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    Applied(u64),
    Refused(String),
}

/// A record in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    pub sequence: u64,
    /// `None`: nobody who is known here.
    pub sender: Option<Device>,
    pub counter: u64,
    pub content: Hash,
    /// Of the chain after it.
    pub head: Hash,
}

/// A record as a device got it.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    pub conversation: Conversation,
    pub record: Record,
    /// Hash of what really came, made by the device.
    pub read: Hash,
}

/// A conversation as the server holds it.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// What is judged begins above this sequence.
    pub after: u64,
    /// Whether every sequence is there. Not where the records were filtered.
    pub dense: bool,
    pub records: Vec<Record>,
}

/// A device's cursor in a stopped server's store.
#[derive(Clone, Copy, Debug)]
pub struct Cursor {
    pub device: Device,
    pub conversation: Conversation,
    /// The highest that the server had answered.
    pub acked: u64,
    pub stored: u64,
    pub head: u64,
}

/// A broken promise (`promises.md` of the design: I1 to I4, I15, I17).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// Accepted, and in no place.
    Lost {
        device: Device,
        conversation: Conversation,
        counter: u64,
    },
    /// Accepted, and none or several outcomes were told.
    Outcomes {
        device: Device,
        conversation: Conversation,
        counter: u64,
        told: usize,
    },
    /// In its place, and never seen by a member.
    Undelivered {
        device: Device,
        conversation: Conversation,
        first: u64,
        count: usize,
    },
    /// One record in two places, or twice at a device.
    Doubled {
        conversation: Conversation,
        sequence: u64,
    },
    /// A sender's records out of their order, or a device's view of a conversation.
    Reordered {
        conversation: Conversation,
        sequence: u64,
    },
    /// A sequence or a counter that is not the next.
    Gap {
        conversation: Conversation,
        expected: u64,
        found: u64,
    },
    /// Two views of one place.
    Diverged {
        conversation: Conversation,
        sequence: u64,
    },
    /// A record that nobody handed in.
    Invented {
        conversation: Conversation,
        sequence: u64,
    },
    /// Another content than was handed in.
    Altered {
        conversation: Conversation,
        sequence: u64,
    },
    /// A cursor went back, or passed the head.
    Cursor {
        device: Device,
        conversation: Conversation,
    },
}

/// Every broken promise.
pub fn check(history: &History) -> Vec<Violation> {
    let submits = Submits::of(&history.diaries);
    let mut found = Vec::new();
    for (conversation, held) in &history.held {
        check_places(*conversation, held, &submits, &mut found);
    }
    for (device, diary) in history.diaries.iter().enumerate() {
        check_submits(device, diary, &history.held, &mut found);
        for conversation in &diary.member_of {
            let held = history.held.get(conversation).cloned().unwrap_or_default();
            check_view(device, *conversation, (diary, &held), &mut found);
        }
    }
    check_cursors(history, &mut found);
    found
}

type Key = (Conversation, Device, u64);

struct Submits<'a>(HashMap<Key, &'a Submit>);

impl<'a> Submits<'a> {
    fn of(diaries: &'a [Diary]) -> Self {
        let all = diaries.iter().enumerate().flat_map(|(device, diary)| {
            let key = move |submit: &Submit| (submit.conversation, device, submit.counter);
            diary
                .submits
                .iter()
                .map(move |submit| (key(submit), submit))
        });
        Self(all.collect())
    }

    /// The lowest counter that a device handed in.
    fn first(&self, conversation: Conversation, device: Device) -> u64 {
        let counters = self
            .0
            .keys()
            .filter(|key| (key.0, key.1) == (conversation, device));
        counters.map(|key| key.2).min().unwrap_or(1)
    }
}

/// Dense, each record once, every sender in its order, and nothing that nobody handed in.
fn check_places(
    conversation: Conversation,
    held: &Held,
    submits: &Submits,
    found: &mut Vec<Violation>,
) {
    let mut sequence = held.after;
    let mut counters: HashMap<Device, u64> = HashMap::new();
    for record in &held.records {
        let at = record.sequence;
        if at <= sequence {
            found.push(Violation::Reordered {
                conversation,
                sequence: at,
            });
        } else if held.dense && at != sequence + 1 {
            let expected = sequence + 1;
            found.push(Violation::Gap {
                conversation,
                expected,
                found: at,
            });
        }
        sequence = sequence.max(at);
        let submit = record.sender.and_then(|sender| {
            let key = (conversation, sender, record.counter);
            submits.0.get(&key).map(|submit| (sender, *submit))
        });
        let Some((sender, submit)) = submit else {
            found.push(Violation::Invented {
                conversation,
                sequence: at,
            });
            continue;
        };
        if submit.content != record.content {
            found.push(Violation::Altered {
                conversation,
                sequence: at,
            });
        }
        let last = counters
            .entry(sender)
            .or_insert_with(|| submits.first(conversation, sender) - 1);
        if record.counter > *last + 1 {
            let expected = *last + 1;
            found.push(Violation::Gap {
                conversation,
                expected,
                found: record.counter,
            });
        } else if record.counter <= *last {
            let before = held.records.iter().take_while(|other| other.sequence < at);
            let twin = before
                .clone()
                .any(|other| (other.sender, other.counter) == (record.sender, record.counter));
            found.push(if twin {
                Violation::Doubled {
                    conversation,
                    sequence: at,
                }
            } else {
                Violation::Reordered {
                    conversation,
                    sequence: at,
                }
            });
        }
        *last = record.counter.max(*last);
    }
}

/// Each accepted record has a place, and it is the one that its sender was told.
fn check_submits(
    device: Device,
    diary: &Diary,
    held: &BTreeMap<Conversation, Held>,
    found: &mut Vec<Violation>,
) {
    let mut places: HashMap<(Conversation, u64), u64> = HashMap::new();
    for (conversation, held) in held {
        for record in held
            .records
            .iter()
            .filter(|record| record.sender == Some(device))
        {
            places
                .entry((*conversation, record.counter))
                .or_insert(record.sequence);
        }
    }
    for submit in &diary.submits {
        let (conversation, counter) = (submit.conversation, submit.counter);
        let place = places.get(&(conversation, counter));
        let applied = |told: &Told| matches!(told, Told::Applied(_));
        if place.is_none() && (submit.accepted > 0 || submit.outcomes.iter().any(applied)) {
            found.push(Violation::Lost {
                device,
                conversation,
                counter,
            });
        } else if submit.outcomes.len() > 1 || (submit.accepted > 0 && submit.outcomes.is_empty()) {
            found.push(Violation::Outcomes {
                device,
                conversation,
                counter,
                told: submit.outcomes.len(),
            });
        }
        for told in &submit.outcomes {
            let sequence = match (place, told) {
                (Some(place), Told::Applied(told)) if place != told => *told,
                (Some(place), Told::Refused(_)) => *place,
                (Some(_) | None, _) => continue,
            };
            found.push(Violation::Diverged {
                conversation,
                sequence,
            });
        }
    }
}

/// A device saw what the server holds: all of it, once, in order, the same.
fn check_view(
    device: Device,
    conversation: Conversation,
    (diary, held): (&Diary, &Held),
    found: &mut Vec<Violation>,
) {
    let places: HashMap<u64, usize> = held
        .records
        .iter()
        .enumerate()
        .map(|(index, record)| (record.sequence, index))
        .collect();
    let mut next = 0;
    let received = diary.received.iter();
    for received in received.filter(|received| received.conversation == conversation) {
        let sequence = received.record.sequence;
        let Some(index) = places.get(&sequence).copied() else {
            found.push(Violation::Invented {
                conversation,
                sequence,
            });
            continue;
        };
        if index > next {
            let expected = held.records[next].sequence;
            found.push(Violation::Gap {
                conversation,
                expected,
                found: sequence,
            });
        } else if index + 1 == next {
            found.push(Violation::Doubled {
                conversation,
                sequence,
            });
        } else if index < next {
            found.push(Violation::Reordered {
                conversation,
                sequence,
            });
        }
        next = next.max(index + 1);
        if received.record != held.records[index] {
            found.push(Violation::Diverged {
                conversation,
                sequence,
            });
        }
        if received.read != received.record.content {
            found.push(Violation::Altered {
                conversation,
                sequence,
            });
        }
    }
    if let Some(unseen) = held.records.get(next) {
        found.push(Violation::Undelivered {
            device,
            conversation,
            first: unseen.sequence,
            count: held.records.len() - next,
        });
    }
}

fn check_cursors(history: &History, found: &mut Vec<Violation>) {
    for (device, diary) in history.diaries.iter().enumerate() {
        if diary.rolled_back {
            let conversation = diary.member_of.first().copied().unwrap_or_default();
            found.push(Violation::Cursor {
                device,
                conversation,
            });
        }
    }
    let mut last: HashMap<(Device, Conversation), u64> = HashMap::new();
    for cursor in &history.cursors {
        let (device, conversation) = (cursor.device, cursor.conversation);
        let before = last.entry((device, conversation)).or_default();
        if cursor.stored < cursor.acked || cursor.stored > cursor.head || cursor.stored < *before {
            found.push(Violation::Cursor {
                device,
                conversation,
            });
        }
        *before = cursor.stored.max(*before);
    }
}
