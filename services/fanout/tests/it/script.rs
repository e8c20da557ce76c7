//! Random histories: what people do, as records with their meaning.

use std::collections::BTreeSet;

use bytes::Bytes;
use proptest::prelude::*;
use xchat_fanout::domain::{Logged, Record};
use xchat_types::{Bucket, ControlKind, ConversationId, Epoch, outcome::digest_prefix};

use crate::{
    meaning::{Meaning, What},
    person::{DAY, Spot},
    world::World,
};

/// One thing that happens; some need a state in which they can, and else do not happen.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Genesis {
        who: usize,
    },
    Say(Say),
    /// Commits by several people for one epoch, in this order.
    Commit {
        commits: Vec<(usize, Option<(bool, usize)>)>,
    },
    Control {
        who: usize,
        kind: ControlKind,
        forged: bool,
    },
    Garbage {
        byte: u8,
    },
    /// An earlier record once more.
    Again {
        back: usize,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Say {
    pub(crate) who: usize,
    pub(crate) size: usize,
    /// How many epochs old, or too new.
    pub(crate) lag: i8,
    /// How far the counter is off.
    pub(crate) off: i8,
    pub(crate) class: u8,
    pub(crate) expired: bool,
}

pub(crate) fn say(who: usize) -> Act {
    Act::Say(Say { who, ..first_say() })
}

/// What person 1 says when nothing is the matter.
fn first_say() -> Say {
    Say {
        who: 1,
        size: 100,
        lag: 0,
        off: 0,
        class: 3,
        expired: false,
    }
}

pub(crate) fn commit(who: usize, change: Option<(bool, usize)>) -> Act {
    Act::Commit {
        commits: vec![(who, change)],
    }
}

pub(crate) fn control(who: usize, kind: ControlKind) -> Act {
    Act::Control {
        who,
        kind,
        forged: false,
    }
}

fn some_say() -> impl Strategy<Value = Act> {
    let size =
        prop_oneof![6 => 1_usize..200, 1 => Just(4_096), 1 => Just(4_097), 1 => Just(65_537)];
    let lag = prop_oneof![6 => Just(0_i8), 2 => -1_i8..5];
    let off = prop_oneof![8 => Just(0_i8), 1 => 1_i8..3, 1 => -40_i8..0];
    let expired = prop::bool::weighted(0.05);
    (0..4_usize, size, lag, off, 1..4_u8, expired).prop_map(
        |(who, size, lag, off, class, expired)| {
            Act::Say(Say {
                who,
                size,
                lag,
                off,
                class,
                expired,
            })
        },
    )
}

fn some_commit() -> impl Strategy<Value = Act> {
    let change = prop::option::of((prop::bool::weighted(0.7), 0..4_usize));
    let one = (prop_oneof![3 => Just(0_usize), 2 => 0..4_usize], change);
    prop::collection::vec(one, 1..4).prop_map(|commits| Act::Commit { commits })
}

fn some_control() -> impl Strategy<Value = Act> {
    let kind = prop_oneof![
        6 => Just(ControlKind::Accept),
        1 => Just(ControlKind::Decline),
        1 => Just(ControlKind::Leave),
        1 => Just(ControlKind::Revoke),
    ];
    (0..4_usize, kind, prop::bool::weighted(0.1)).prop_map(|(who, kind, forged)| Act::Control {
        who,
        kind,
        forged,
    })
}

/// A history of up to `length` acts; most are born early.
pub(crate) fn acts(length: usize) -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        10 => some_say(),
        5 => some_commit(),
        4 => some_control(),
        1 => any::<u8>().prop_map(|byte| Act::Garbage { byte }),
        2 => (1..60_usize).prop_map(|back| Act::Again { back }),
        1 => (0..4_usize).prop_map(|who| Act::Genesis { who }),
    ];
    let begin = (0..3_usize, prop::collection::vec(act, 1..length));
    begin.prop_map(|(early, mut acts)| {
        let at = early.min(acts.len());
        acts.insert(at, Act::Genesis { who: 0 });
        acts
    })
}

/// Makes a history with something of everything, for tests that need the same one twice.
pub(crate) fn full() -> Vec<Act> {
    let mut acts = vec![
        say(0),
        Act::Genesis { who: 0 },
        commit(0, Some((true, 1))),
        say(0),
        say(0),
    ];
    acts.extend([
        control(1, ControlKind::Accept),
        say(0),
        say(1),
        commit(1, Some((true, 3))),
    ]);
    acts.extend([
        say(3),
        commit(0, Some((true, 2))),
        say(1),
        control(2, ControlKind::Decline),
    ]);
    for round in 0..4 {
        let commits = vec![(0, None), (1, None), (3, None)];
        acts.push(Act::Commit { commits });
        acts.extend([say(round % 2), Act::Again { back: 3 }]);
    }
    acts.push(Act::Garbage { byte: 7 });
    for class in 1..=3 {
        let said = first_say();
        acts.push(Act::Say(Say {
            class,
            ..said.clone()
        }));
        acts.push(Act::Say(Say {
            class,
            lag: 2,
            ..said.clone()
        }));
        acts.push(Act::Say(Say {
            class,
            off: 2,
            ..said.clone()
        }));
        acts.push(Act::Say(Say {
            class,
            expired: true,
            ..said
        }));
    }
    let huge = Say {
        size: 65_537,
        ..first_say()
    };
    acts.extend([
        Act::Say(huge),
        control(0, ControlKind::Revoke),
        commit(1, Some((false, 0))),
    ]);
    acts.extend([
        commit(0, Some((false, 2))),
        control(1, ControlKind::Leave),
        say(0),
        say(1),
    ]);
    acts.extend([
        commit(0, Some((false, 1))),
        commit(0, Some((true, 2))),
        say(0),
    ]);
    acts.extend([
        control(2, ControlKind::Accept),
        say(2),
        say(0),
        Act::Again { back: 9 },
    ]);
    acts
}

/// A short one: born, an invitation, an accept, messages, a commit, a leave, refusals between.
pub(crate) fn short() -> Vec<Act> {
    let mut acts = vec![
        Act::Genesis { who: 0 },
        commit(0, Some((true, 1))),
        say(0),
        say(0),
    ];
    acts.extend([
        control(1, ControlKind::Accept),
        say(1),
        say(0),
        Act::Again { back: 1 },
    ]);
    acts.extend([Act::Garbage { byte: 1 }, commit(1, None), say(0)]);
    acts.extend([
        control(1, ControlKind::Leave),
        commit(0, Some((false, 1))),
        say(0),
    ]);
    acts
}

/// The records that a script makes, in order, each with its append time.
pub(crate) fn play(id: ConversationId, acts: &[Act]) -> Vec<Logged> {
    let mut world = World::of(id);
    for act in acts {
        let made: Vec<Bytes> = if let Act::Again { back } = act {
            let earlier = world.log.iter().rev().nth(*back);
            earlier.iter().map(|logged| logged.bytes.clone()).collect()
        } else {
            let made = records(&mut world, act).into_iter();
            made.map(|(bytes, _)| bytes).collect()
        };
        for bytes in made {
            world.append(bytes);
        }
    }
    world.log
}

/// The records of an act with what they mean. Empty where it can't happen now.
pub(crate) fn records(world: &mut World, act: &Act) -> Vec<(Bytes, Meaning)> {
    match act {
        Act::Genesis { who } => {
            let spot = Spot {
                epoch: Epoch(0),
                ..world.spot(*who)
            };
            if world.conversation.head.group.is_some() && world.people[*who].group.is_some() {
                return Vec::new();
            }
            let record = world.people[*who].genesis(spot);
            if world.conversation.head.group.is_some() || *who != 0 {
                world.people[*who].group = None;
            }
            if *who != 0 && world.conversation.head.group.is_none() {
                return Vec::new();
            }
            vec![meant(world, &record, *who, What::Genesis)]
        }
        Act::Say(said) => vec![spoken(world, said)],
        Act::Commit { commits } => {
            // A device has one commit in flight.
            let mut in_flight = BTreeSet::new();
            let mut once = commits.clone();
            once.retain(|(who, _)| in_flight.insert(*who));
            let made = once
                .into_iter()
                .filter_map(|(who, change)| committed(world, who, change));
            made.collect()
        }
        Act::Control { who, kind, forged } => vec![controlled(world, *who, *kind, *forged)],
        Act::Garbage { byte } => {
            let meaning = Meaning {
                who: 0,
                counter: 0,
                digest: [0; 8],
                what: What::Unreadable,
            };
            vec![(Bytes::from(vec![0xff, *byte, 0xff]), meaning)]
        }
        Act::Again { .. } => Vec::new(),
    }
}

fn meant(world: &World, record: &Record, who: usize, what: What) -> (Bytes, Meaning) {
    assert_eq!(record.header.sender, world.people[who].id());
    let meaning = Meaning {
        who,
        counter: record.header.counter.0,
        digest: digest_prefix(&record.digest),
        what,
    };
    (record.encode(), meaning)
}

fn spoken(world: &World, said: &Say) -> (Bytes, Meaning) {
    let mut spot = world.spot(said.who);
    spot.counter = spot.counter.saturating_add_signed(said.off.into());
    spot.epoch = Epoch(spot.epoch.0.saturating_add_signed((-said.lag).into()));
    let retention = [0, 600_000, DAY / 2, 20 * DAY][usize::from(said.class)];
    let bucket = Bucket::assign(spot.now, spot.now, retention);
    let mut record = world.people[said.who].say(spot, said.size, bucket);
    if said.expired {
        record.payload = Bytes::new();
        record.payload_expired = true;
    }
    let (epoch, size) = (record.header.epoch.0, record.payload.len());
    let what = What::Say(epoch, size, said.expired);
    meant(world, &record, said.who, what)
}

fn committed(
    world: &mut World,
    who: usize,
    change: Option<(bool, usize)>,
) -> Option<(Bytes, Meaning)> {
    if let Some((adds, whom)) = change {
        let possible = whom != who && adds == world.leaf(whom).is_none();
        if !possible {
            return None;
        }
    }
    world.leaf(who)?;
    world.people[who].forget_refused_commit();
    let record = world.commit(who, change)?;
    let whom = |adding| {
        change
            .filter(|(adds, _)| *adds == adding)
            .map(|(_, whom)| whom)
    };
    let what = What::Commit(record.header.epoch.0, whom(true), whom(false));
    Some(meant(world, &record, who, what))
}

fn controlled(world: &World, who: usize, kind: ControlKind, forged: bool) -> (Bytes, Meaning) {
    let mut record = world.people[who].control(world.spot(who), kind);
    if forged {
        let mut payload = record.payload.to_vec();
        *payload.last_mut().unwrap() ^= 1;
        record.payload = Bytes::from(payload);
    }
    let what = match kind {
        _ if forged => What::BadControl,
        ControlKind::Accept => What::Accept,
        ControlKind::Decline => What::Decline,
        ControlKind::Leave => What::Leave,
        ControlKind::Revoke | ControlKind::Readd | ControlKind::Objection | ControlKind::Reset => {
            What::BadControl
        }
    };
    meant(world, &record, who, what)
}
