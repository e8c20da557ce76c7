//! A device whose clock is wrong.

use xchat_core::{Event, Held, Settings, Warning};

use crate::world::{ALICE, BOB, World, settings};

const MINUTE: i64 = 60_000;

fn warnings(world: &World, index: usize) -> Vec<Warning> {
    let events = world.hosts[index].events.iter();
    let events = events.filter_map(|event| match event {
        Event::Warning(warning) => Some(*warning),
        _ => None,
    });
    events.collect()
}

fn restart_with(world: &mut World, index: usize, skew: i64) {
    world.disconnect(index);
    world.hosts[index].pull_the_plug();
    world.hosts[index].crashes = 0;
    world.hosts[index].skew = skew;
    world.clear_events();
    world.connect(index);
    world.settle();
}

#[test]
fn six_minutes_are_warned_of_and_change_nothing() {
    let mut world = World::two();
    world.befriend();
    for skew in [6 * MINUTE, -6 * MINUTE] {
        restart_with(&mut world, ALICE, skew);
        assert_eq!(
            warnings(&world, ALICE),
            [Warning::ClockOff { milliseconds: skew }]
        );
        world.send(ALICE, "bob", "on time");
        world.settle();
    }
    let id = world.hosts[BOB].engine().conversations()[0].id;
    let rows = world.hosts[BOB].history(id);
    assert_eq!(rows.len(), 3);
    for row in rows {
        assert!(
            row.created_at.distance(row.accepted_at) < 1_000,
            "created in the server's time"
        );
    }
    restart_with(&mut world, ALICE, 4 * MINUTE);
    assert_eq!(warnings(&world, ALICE), []);
}

#[test]
fn thirteen_hours_off_nothing_is_submitted_and_no_commit_applied_until_the_clock_is_right() {
    let settings = Settings {
        update_after: 2,
        ..settings()
    };
    let mut world = World::of(&["alice", "bob"], &settings);
    world.befriend();
    let skew = 13 * 60 * MINUTE;
    restart_with(&mut world, ALICE, skew);
    assert_eq!(
        warnings(&world, ALICE),
        [Warning::ClockStopped { milliseconds: skew }]
    );
    let alice = world.hosts[ALICE].device.unwrap();
    let submits = world.relay.count(alice, "submit");
    let ticket = world.send(ALICE, "bob", "held");
    assert!(world.hosts[ALICE].has(|event| matches!(event,
        Event::Queued { ticket: of, held: Some(Held::Clock), .. } if *of == ticket)));
    // Texts can be read, a commit and what follows it cannot.
    for text in ["before", "the commit", "after it"] {
        world.send(BOB, "alice", text);
        world.settle();
    }
    assert_eq!(world.relay.count(alice, "submit"), submits);
    assert_eq!(world.hosts[ALICE].received(), ["before", "the commit"]);
    let bad = |event: &Event| matches!(event, Event::Security { .. } | Event::Suspended { .. });
    assert!(!world.hosts[ALICE].has(bad), "{:?}", world.told());

    restart_with(&mut world, ALICE, 0);
    assert_eq!(world.hosts[ALICE].received(), ["after it"]);
    let view = world.hosts[ALICE].view();
    assert_eq!(view, world.hosts[BOB].view());
    assert_eq!(view, ["may I?", "before", "the commit", "after it", "held"]);
}

#[test]
fn an_invitation_is_not_opened_by_a_wrong_clock_and_waits() {
    let mut world = World::two();
    restart_with(&mut world, BOB, -13 * 60 * MINUTE);
    world.send(ALICE, "bob", "hello");
    world.settle();
    assert!(world.hosts[BOB].received().is_empty());
    restart_with(&mut world, BOB, 0);
    assert_eq!(world.hosts[BOB].received(), ["hello"]);
}

#[test]
fn a_clock_that_jumps_after_hello_is_found_out_and_the_text_is_made_anew() {
    let mut world = World::two();
    world.befriend();
    world.clear_events();
    world.hosts[ALICE].skew = 20 * MINUTE;
    world.send(ALICE, "bob", "from the future");
    world.send(ALICE, "bob", "and after it");
    world.settle();
    assert_eq!(world.hosts[ALICE].sockets, 2);
    assert_eq!(
        warnings(&world, ALICE),
        [Warning::ClockOff {
            milliseconds: 20 * MINUTE
        }]
    );
    let view = world.hosts[BOB].view();
    assert_eq!(view, ["may I?", "from the future", "and after it"]);
    assert_eq!(view, world.hosts[ALICE].view());
}
