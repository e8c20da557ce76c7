//! Two copies of one profile, used in turns: what one takes in the other gets too, or is told that
//! it does not.

use xchat_core::{Event, SecurityEvent, Suspension};

use crate::{
    host::Store,
    relay::Marking,
    world::{ALICE, BOB, World},
};

/// Puts another store in the place of Bob's, and gives back the one that was there.
fn swap(world: &mut World, store: Store) -> Store {
    world.disconnect(BOB);
    world.hosts[BOB].pull_the_plug();
    world.hosts[BOB].crashes = 0;
    world.clear_events();
    std::mem::replace(&mut world.hosts[BOB].store, store)
}

fn online(world: &mut World) {
    world.connect(BOB);
    world.settle();
}

#[test]
fn what_one_copy_has_acknowledged_comes_to_the_other_all_the_same() {
    let mut world = World::two();
    world.befriend();
    let copy = world.hosts[BOB].store.clone();
    world.send(ALICE, "bob", "for both copies");
    world.settle();
    assert!(world.relay.marks.is_empty(), "acknowledged");
    let first = swap(&mut world, copy);
    online(&mut world);
    assert_eq!(world.hosts[BOB].received(), ["for both copies"]);
    world.send(ALICE, "bob", "and one more");
    world.settle();
    swap(&mut world, first);
    online(&mut world);
    assert_eq!(world.hosts[BOB].received(), ["and one more"]);
    let bad = |event: &Event| matches!(event, Event::Security { .. } | Event::Suspended { .. });
    assert!(!world.hosts[BOB].has(bad), "{:?}", world.told());
}

#[test]
fn what_one_copy_has_sent_ends_the_other_s_part_with_a_typed_event() {
    let mut world = World::two();
    world.befriend();
    let copy = world.hosts[BOB].store.clone();
    world.send(BOB, "alice", "from one copy");
    world.settle();
    swap(&mut world, copy);
    online(&mut world);
    let told = |event: &Event| {
        matches!(
            event,
            Event::Suspended {
                why: Suspension::CounterConflict,
                ..
            }
        )
    };
    // At once, and not only when it sends something too.
    assert!(world.hosts[BOB].has(told), "{:?}", world.told());
}

#[test]
fn a_request_that_one_copy_has_taken_is_told_of_by_the_other() {
    for marking in [Marking::AtOnce, Marking::Never] {
        told_of_a_request(marking);
    }
}

fn told_of_a_request(marking: Marking) {
    let mut world = World::two();
    let copy = world.hosts[BOB].store.clone();
    let id = world.befriend();
    swap(&mut world, copy);
    online(&mut world);
    // Its mark comes later than the record: the push alone must do.
    world.relay.marking = marking;
    world.send(ALICE, "bob", "do you hear me?");
    world.settle();
    let told = |event: &Event| {
        matches!(event, Event::Security { conversation: Some(of), event: SecurityEvent::UnknownConversation }
            if *of == id)
    };
    let events = world.hosts[BOB].events.iter();
    assert_eq!(
        events.filter(|event| told(event)).count(),
        1,
        "{:?}",
        world.told()
    );
}
