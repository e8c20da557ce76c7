//! A server that lies: the client is right or says so, never wrong and silent.

mod record;
mod welcome;

use xchat_core::{Event, SecurityEvent, Suspension};
use xchat_proto::client::{self, DeliveredRecord, server_frame::Body};
use xchat_types::Sequence;

use self::welcome::join_under;
use crate::world::{ALICE, BOB, World};

/// Changes every record on its way to Bob, pushed or pulled.
fn lie(world: &mut World, mut change: impl FnMut(&mut DeliveredRecord) + 'static) {
    world.tamper = Some(Box::new(move |name, frame| {
        let records = match &mut frame.body {
            Some(Body::DeliverPush(push)) => &mut push.records,
            Some(Body::Pull(pull)) => &mut pull.records,
            _ => return,
        };
        if name == "bob" {
            records.iter_mut().for_each(&mut change);
        }
    }));
}

fn security(world: &World, index: usize) -> Vec<SecurityEvent> {
    let events = world.hosts[index].events.iter();
    let events = events.filter_map(|event| match event {
        Event::Security { event, .. } => Some(*event),
        _ => None,
    });
    events.collect()
}

fn is_suspended(world: &mut World, index: usize) -> Option<Suspension> {
    world.hosts[index].engine().conversations()[0].suspension
}

/// Friends; then Alice sends one text under a lie. What Bob says of it.
fn under(change: impl FnMut(&mut DeliveredRecord) + 'static) -> (World, Vec<SecurityEvent>) {
    let mut world = World::two();
    world.befriend();
    world.clear_events();
    lie(&mut world, change);
    world.send(ALICE, "bob", "true words");
    world.settle();
    let events = security(&world, BOB);
    (world, events)
}

/// The place of the text in the log: genesis, commit, request, accept came before.
const PLACE: Sequence = Sequence(5);

#[test]
fn a_server_that_was_set_back_is_met_with_a_typed_event() {
    let mut world = World::two();
    let id = world.befriend();
    let before = world.relay.clone();
    world.send(ALICE, "bob", "will be forgotten");
    world.settle();
    for index in [ALICE, BOB] {
        world.disconnect(index);
    }
    world.relay = before;
    world.relay.now = world.now;
    world.relay.routes.clear();
    world.clear_events();
    world.connect(BOB);
    world.settle();
    // A mark alone does not show it; the next pull does.
    let bob = world.hosts[BOB].device.unwrap();
    let mut records = world.relay.logs[&id].records(&bob, Sequence(3));
    for record in &mut records {
        record.sequence += 5;
    }
    world.inject(BOB, Body::DeliverPush(client::DeliverPush { records }));
    world.settle();
    assert!(
        world.hosts[BOB].has(|event| matches!(
            event,
            Event::Suspended {
                why: Suspension::RolledBack {
                    cursor: PLACE,
                    head: Sequence(4)
                },
                ..
            }
        )),
        "{:?}",
        world.told()
    );
    assert_eq!(world.hosts[BOB].view(), ["may I?", "will be forgotten"]);
    assert_eq!(
        world.hosts[BOB].engine().conversations()[0].cursor,
        Sequence(4)
    );
}

#[test]
fn a_conversation_of_newer_rules_stops_and_waits_for_a_newer_program() {
    let mut world = join_under(|body| {
        if let Body::FetchTree(tree) = body {
            tree.judge_version = 2;
        }
    });
    let update = |event: &Event| {
        matches!(
            event,
            Event::Suspended {
                why: Suspension::UpdateNeeded,
                ..
            }
        )
    };
    assert!(world.hosts[BOB].has(update));
    let left = world
        .relay
        .welcomes
        .values()
        .map(std::collections::BTreeMap::len);
    assert_eq!(
        left.sum::<usize>(),
        1,
        "the welcome stays for the newer program"
    );
    // Which comes.
    world.tamper = None;
    world.hosts[BOB].pull_the_plug();
    world.connect(BOB);
    world.settle();
    assert_eq!(world.hosts[BOB].received(), ["hello"]);

    let (mut world, events) = under(|record| {
        record.header.as_mut().unwrap().kind = 9;
    });
    assert_eq!(events, []);
    assert_eq!(
        is_suspended(&mut world, BOB),
        Some(Suspension::UpdateNeeded)
    );
    world.tamper = None;
    world.hosts[BOB].pull_the_plug();
    world.connect(BOB);
    world.settle();
    assert_eq!(world.hosts[BOB].view(), ["may I?", "true words"]);
}

#[test]
fn frames_that_are_no_frames_end_the_socket_and_nothing_else() {
    use proptest::{prelude::*, strategy::ValueTree as _};

    let mut world = World::two();
    world.befriend();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let bytes = proptest::collection::vec(any::<u8>(), 0..200);
    for _ in 0..300 {
        let frame = bytes.new_tree(&mut runner).unwrap().current();
        let now = world.now;
        world.hosts[BOB].frame(now, frame.into());
    }
    world.settle();
    world.send(ALICE, "bob", "all is well");
    world.settle();
    assert_eq!(world.hosts[BOB].view(), ["may I?", "all is well"]);
}
