//! A record that is refused in a repetition, while nobody knows whether it was taken before.

use xchat_core::{Command, Event, Held, NotSent, Suspension, Table, Ticket};
use xchat_proto::common::Reason;
use xchat_types::ConversationId;

use crate::{
    relay::Refusal,
    world::{ALICE, BOB, World},
};

/// Whether the first sending of a record arrives, and whether Alice's process dies before the next.
#[derive(Clone, Copy, Debug)]
struct Case {
    arrives: bool,
    dies: bool,
}

const CASES: [Case; 4] = [
    Case {
        arrives: true,
        dies: false,
    },
    Case {
        arrives: true,
        dies: true,
    },
    Case {
        arrives: false,
        dies: false,
    },
    Case {
        arrives: false,
        dies: true,
    },
];

/// Alice and Bob talk; a text of Alice's is sent, its answer is lost with the socket, and its
/// repetition is refused. Nothing is folded yet.
fn doubtful(case: Case, reason: Reason) -> (World, ConversationId, Ticket) {
    let mut world = World::two();
    let id = world.befriend();
    world.clear_events();
    world.relay.log_stands = true;
    world.lose = Some(("submit", 1));
    let ticket = world.send(ALICE, "bob", "in doubt");
    if case.arrives {
        world.drain();
        assert_eq!(world.relay.unfolded.len(), 1);
    }
    world.lose = None;
    world.disconnect(ALICE);
    if case.dies {
        world.hosts[ALICE].pull_the_plug();
        world.hosts[ALICE].crashes = 0;
    }
    world.relay.refusals.push_back(Refusal {
        request: "submit",
        reason,
        retry_after_ms: 0,
    });
    world.connect(ALICE);
    world.drain();
    assert!(world.relay.refusals.is_empty(), "the repetition is refused");
    (world, id, ticket)
}

/// The socket was closed to learn the time: on the next one everything goes as far as it can
/// without the fold.
fn reopen(world: &mut World) {
    world.hosts[ALICE].closed.clear();
    world.disconnect(ALICE);
    world.connect(ALICE);
    world.drain();
}

fn fold(world: &mut World) {
    world.relay.log_stands = false;
    world.relay.fold();
    world.settle();
}

/// No suspension, one history on both sides, nothing left over.
fn check(world: &mut World, id: ConversationId, texts: &[&str], context: &str) {
    assert_eq!(world.hosts[ALICE].view(), texts, "{context}");
    assert_eq!(world.hosts[BOB].view(), texts, "{context}");
    let view = &world.hosts[ALICE].engine().conversations()[0];
    assert_eq!(view.suspension, None::<Suspension>, "{context}");
    assert_eq!(world.hosts[ALICE].engine().outbox(), [], "{context}");
    let rows = world.hosts[ALICE].store.keys();
    let open = rows.filter(|key| matches!(key.table, Table::Doubt | Table::Submission));
    assert_eq!(open.count(), 0, "{context}");
    let bad = |event: &Event| matches!(event, Event::Security { .. } | Event::Suspended { .. });
    assert!(
        !world.hosts[ALICE].has(bad),
        "{context}: {:?}",
        world.told()
    );
    assert_eq!(world.hosts[ALICE].history(id).len(), texts.len());
}

#[test]
fn a_clock_that_is_wrong_at_a_retry_neither_doubles_a_text_nor_ends_the_conversation() {
    for case in CASES {
        let context = format!("{case:?}");
        let (mut world, id, ticket) = doubtful(case, Reason::ClockSkew);
        reopen(&mut world);
        fold(&mut world);
        world.send(ALICE, "bob", "and after it");
        world.settle();
        check(
            &mut world,
            id,
            &["may I?", "in doubt", "and after it"],
            &context,
        );
        assert_eq!(world.hosts[ALICE].sent()[0], ticket, "{context}");
    }
}

#[test]
fn the_same_is_true_when_the_process_dies_again_with_the_doubt() {
    for case in CASES {
        let (mut world, id, _) = doubtful(case, Reason::ClockSkew);
        world.hosts[ALICE].pull_the_plug();
        world.hosts[ALICE].crashes = 0;
        fold(&mut world);
        world.connect(ALICE);
        world.settle();
        check(
            &mut world,
            id,
            &["may I?", "in doubt"],
            &format!("{case:?}"),
        );
    }
}

#[test]
fn a_text_refused_for_good_at_a_retry_is_sent_if_it_was_taken_before() {
    for dies in [false, true] {
        let case = Case {
            arrives: true,
            dies,
        };
        let (mut world, id, ticket) = doubtful(case, Reason::TooLarge);
        let held = |event: &Event| matches!(event, Event::NotSent { .. });
        assert!(!world.hosts[ALICE].has(held), "{:?}", world.told());
        let waits = world.hosts[ALICE].engine().outbox();
        assert_eq!(waits[0].held, Some(Held::InDoubt));
        // It can't be taken back: it may be read already.
        world.command(ALICE, Command::TakeBack { ticket });
        assert!(world.hosts[ALICE].has(|event| *event == Event::NotTakenBack { ticket }));
        world.send(ALICE, "bob", "next");
        world.drain();
        fold(&mut world);
        check(
            &mut world,
            id,
            &["may I?", "in doubt", "next"],
            &format!("{case:?}"),
        );
        assert_eq!(world.hosts[ALICE].sent()[0], ticket);
    }
}

#[test]
fn a_text_refused_for_good_at_a_retry_comes_back_once_its_counter_is_another_s() {
    for dies in [false, true] {
        let case = Case {
            arrives: false,
            dies,
        };
        let (mut world, id, ticket) = doubtful(case, Reason::TooLarge);
        fold(&mut world);
        let back = |event: &Event| matches!(event, Event::NotSent { .. });
        assert!(!world.hosts[ALICE].has(back), "nobody knows yet");
        world.send(ALICE, "bob", "next");
        world.settle();
        let told = |event: &Event| {
            matches!(event, Event::NotSent { ticket: of, reason, .. }
                if *of == ticket && *reason == NotSent::ServerRefused(Reason::TooLarge))
        };
        assert!(world.hosts[ALICE].has(told), "{:?}", world.told());
        check(&mut world, id, &["may I?", "next"], &format!("{case:?}"));
    }
}

#[test]
fn texts_behind_one_in_doubt_keep_their_order_and_are_sent_once() {
    for arrives in [true, false] {
        let mut world = World::two();
        let id = world.befriend();
        world.clear_events();
        world.relay.log_stands = true;
        world.lose = Some(("submit", 3));
        for text in ["one", "two", "three"] {
            world.send(ALICE, "bob", text);
        }
        if arrives {
            world.drain();
        }
        world.lose = None;
        world.disconnect(ALICE);
        world.relay.refusals.push_back(Refusal {
            request: "submit",
            reason: Reason::ClockSkew,
            retry_after_ms: 0,
        });
        world.connect(ALICE);
        world.drain();
        reopen(&mut world);
        fold(&mut world);
        world.send(ALICE, "bob", "four");
        world.settle();
        let texts = ["may I?", "one", "two", "three", "four"];
        check(&mut world, id, &texts, &format!("arrives: {arrives}"));
    }
}

#[test]
fn a_commit_whose_retry_comes_too_early_waits_and_is_not_made_anew() {
    for case in CASES {
        let mut world = World::two();
        // The invitation is a commit: without its secrets Alice could not follow it.
        world.relay.log_stands = true;
        world.lose = Some(("submit", 2));
        world.send(ALICE, "bob", "hello");
        if case.arrives {
            world.drain();
        } else {
            while world.relay.last != "claim" {
                world.step();
            }
            world.hosts[ALICE].outgoing.clear();
        }
        world.lose = None;
        world.disconnect(ALICE);
        if case.dies {
            world.hosts[ALICE].pull_the_plug();
            world.hosts[ALICE].crashes = 0;
        }
        world.relay.refusals.push_back(Refusal {
            request: "submit",
            reason: Reason::ClockSkew,
            retry_after_ms: 0,
        });
        world.connect(ALICE);
        world.drain();
        assert!(world.relay.refusals.is_empty(), "the repetition is refused");
        reopen(&mut world);
        fold(&mut world);
        assert_eq!(world.hosts[BOB].received(), ["hello"], "{case:?}");
        let bad = |event: &Event| matches!(event, Event::Suspended { .. } | Event::NotSent { .. });
        assert!(!world.hosts[ALICE].has(bad), "{case:?}: {:?}", world.told());
    }
}
