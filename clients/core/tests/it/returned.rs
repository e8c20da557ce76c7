//! A text that came back is told of until the host says that it was.

use xchat_core::{Command, Event, NotSent, Ticket};

use crate::{
    host::Crash,
    world::{ALICE, World},
};

fn told(world: &World, ticket: Ticket) -> usize {
    let events = world.hosts[ALICE].events.iter();
    let told = events.filter(|event| {
        matches!(event, Event::NotSent { ticket: of, text, reason: NotSent::UsernameUnknown, .. }
            if *of == ticket && text == "is anybody there?")
    });
    told.count()
}

fn restart(world: &mut World) {
    world.hosts[ALICE].pull_the_plug();
    world.hosts[ALICE].crashes = 0;
    world.clear_events();
    world.connect(ALICE);
    world.settle();
}

#[test]
fn a_text_that_came_back_is_told_of_whenever_the_process_dies() {
    let prepared = World::two();
    for stored in [false, true] {
        let mut reached = 0;
        for at in 1..8 {
            let mut world = prepared.restarted();
            let ticket = world.send(ALICE, "nobody", "is anybody there?");
            world.hosts[ALICE].batches = 0;
            world.hosts[ALICE].crash = Some(Crash { at, stored });
            world.connect(ALICE);
            world.settle();
            reached = reached.max(world.hosts[ALICE].batches);
            assert!(told(&world, ticket) > 0, "at {at}, stored: {stored}");
        }
        assert!(reached >= 1, "there is a step at which it came back");
    }
}

#[test]
fn what_was_told_is_not_told_again_and_what_was_not_is() {
    let mut world = World::two();
    let ticket = world.send(ALICE, "nobody", "is anybody there?");
    world.settle();
    assert_eq!(told(&world, ticket), 1);
    restart(&mut world);
    assert_eq!(told(&world, ticket), 1, "nobody said that it was told");
    world.command(ALICE, Command::NotSentTold { ticket });
    restart(&mut world);
    assert_eq!(told(&world, ticket), 0);
}

#[test]
fn a_text_of_nothing_but_spaces_is_empty() {
    let mut world = World::two();
    let ticket = world.send(ALICE, "bob", " \t\u{a0}\n ");
    let empty = |event: &Event| matches!(event, Event::NotSent { ticket: of, reason: NotSent::Empty, .. } if *of == ticket);
    assert!(world.hosts[ALICE].has(empty), "{:?}", world.told());
    assert!(world.hosts[ALICE].engine().outbox().is_empty());
}
