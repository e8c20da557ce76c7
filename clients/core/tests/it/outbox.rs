//! The outbox: counters, the window, what is mended and what is told.

use xchat_core::{Command, Event, Held, NotSent, Phase, Recipient, Settings, Suspension, Ticket};
use xchat_proto::{
    client::{self, server_frame::Body},
    common::{self, Reason},
    convert,
};
use xchat_types::{Counter, Outcome, RefuseReason, Sequence};

use crate::{
    relay::Refusal,
    world::{ALICE, BOB, World, settings},
};

fn not_sent(world: &World, index: usize) -> Vec<(Ticket, NotSent)> {
    let events = world.hosts[index].events.iter();
    let events = events.filter_map(|event| match event {
        Event::NotSent { ticket, reason, .. } => Some((*ticket, *reason)),
        _ => None,
    });
    events.collect()
}

#[test]
fn never_more_than_32_records_are_without_an_outcome() {
    let mut world = World::two();
    world.befriend();
    world.relay.log_stands = true;
    for number in 0..50 {
        world.send(ALICE, "bob", &format!("{number}"));
    }
    world.drain();
    assert_eq!(
        world.relay.unfolded.len(),
        32,
        "c + 32 waits for the outcome of c"
    );
    world.relay.log_stands = false;
    world.relay.fold();
    world.settle();
    assert_eq!(world.hosts[BOB].view().len(), 51);
}

#[test]
fn a_retry_after_a_lost_socket_has_the_same_counter_and_digest() {
    let mut world = World::two();
    world.befriend();
    world.relay.log_stands = true;
    world.send(ALICE, "bob", "once");
    world.drain();
    let first = world.relay.unfolded.clone();
    world.disconnect(ALICE);
    world.connect(ALICE);
    world.drain();
    assert_eq!(world.relay.unfolded.len(), 2);
    assert_eq!(world.relay.unfolded[0], world.relay.unfolded[1]);
    assert_eq!(first[0], world.relay.unfolded[1]);
    world.relay.log_stands = false;
    world.relay.fold();
    world.settle();
    assert_eq!(world.hosts[BOB].view(), ["may I?", "once"]);
    assert_eq!(world.hosts[ALICE].view(), ["may I?", "once"]);
}

#[test]
fn what_the_server_has_seen_is_not_sent_again() {
    let mut world = World::two();
    world.befriend();
    world.relay.pushes = false;
    world.send(ALICE, "bob", "folded, but the push was lost");
    world.drain();
    let alice = world.hosts[ALICE].device.unwrap();
    let submits = world.relay.count(alice, "submit");
    world.disconnect(ALICE);
    world.connect(ALICE);
    world.relay.pushes = true;
    world.settle();
    assert_eq!(world.relay.count(alice, "submit"), submits);
    assert_eq!(world.hosts[ALICE].view().len(), 2);
}

#[test]
fn a_lost_outcome_is_asked_for_after_a_while() {
    let mut world = World::two();
    let id = world.befriend();
    world.relay.pushes = false;
    world.send(ALICE, "bob", "no push tells of it");
    world.settle();
    assert_eq!(world.hosts[ALICE].sent().len(), 2);
    assert_eq!(world.hosts[ALICE].history(id).len(), 2);
}

#[test]
fn a_refusal_for_the_moment_is_waited_out_in_order() {
    for reason in [
        Reason::RateLimited,
        Reason::LogLag,
        Reason::Unavailable,
        Reason::DiskFull,
    ] {
        let mut world = World::two();
        world.befriend();
        world.relay.refusals.push_back(Refusal {
            request: "submit",
            reason,
            retry_after_ms: 7_000,
        });
        let before = world.now;
        for text in ["a", "b", "c"] {
            world.send(ALICE, "bob", text);
        }
        world.settle();
        assert!(before.until(world.now) >= 7_000);
        assert_eq!(world.hosts[BOB].view(), ["may I?", "a", "b", "c"]);
        assert_eq!(not_sent(&world, ALICE), []);
        assert!(world.hosts[ALICE].has(|event| matches!(event,
            Event::ServerRefused { reason: told, .. } if *told == reason)));
    }
}

#[test]
fn a_device_that_is_too_fast_slows_down_to_one_record_at_a_time() {
    let mut world = World::two();
    world.befriend();
    let alice = world.hosts[ALICE].device.unwrap();
    let before = world.relay.count(alice, "submit");
    world.relay.pace_ms = 1_000;
    for number in 0..20 {
        world.send(ALICE, "bob", &format!("{number:02}"));
    }
    world.settle();
    let view = world.hosts[BOB].view();
    assert_eq!(view.len(), 21);
    assert!(view[1..].is_sorted());
    // At first as many as were written, then two tries a text at most.
    let submits = world.relay.count(alice, "submit") - before;
    assert!(submits <= 20 + 2 * 20, "{submits} for 20 texts");
}

#[test]
fn a_refusal_for_good_is_told_and_what_follows_is_sent_under_its_counter() {
    let mut world = World::two();
    world.befriend();
    world.relay.refusals.push_back(Refusal {
        request: "submit",
        reason: Reason::TooLarge,
        retry_after_ms: 0,
    });
    let first = world.send(ALICE, "bob", "refused");
    // Those behind it went out with it: to the log they are a gap, and no conflict.
    for text in ["taken", "too", "and this"] {
        world.send(ALICE, "bob", text);
    }
    world.settle();
    let told = [(first, NotSent::ServerRefused(Reason::TooLarge))];
    assert_eq!(not_sent(&world, ALICE), told);
    assert_eq!(
        world.hosts[BOB].view(),
        ["may I?", "taken", "too", "and this"]
    );
    let stands = |event: &Event| matches!(event, Event::Suspended { .. });
    assert!(!world.hosts[ALICE].has(stands), "{:?}", world.told());
}

#[test]
fn texts_and_commits_of_both_sides_at_once_end_in_one_epoch_and_one_history() {
    let settings = Settings {
        update_after: 3,
        ..settings()
    };
    let mut world = World::of(&["alice", "bob"], &settings);
    world.befriend();
    for round in 0..5 {
        world.relay.log_stands = true;
        for text in 0..4 {
            world.send(ALICE, "bob", &format!("a{round}{text}"));
            world.send(BOB, "alice", &format!("b{round}{text}"));
            world.drain();
        }
        world.relay.log_stands = false;
        world.relay.fold();
        world.settle();
    }
    let view = world.hosts[ALICE].view();
    assert_eq!(view, world.hosts[BOB].view());
    assert_eq!(view.len(), 41);
    for side in ["a", "b"] {
        let order: Vec<_> = view.iter().filter(|text| text.starts_with(side)).collect();
        assert!(order.is_sorted(), "{order:?}");
    }
    let stale = world
        .relay
        .logs
        .values()
        .map(|log| log.refused(RefuseReason::StaleEpoch));
    assert!(stale.sum::<usize>() > 0, "commits have crossed");
}

#[test]
fn texts_keep_their_order_when_an_epoch_has_gone_stale_under_them() {
    let mut world = World::two();
    world.befriend();
    for log in world.relay.logs.values_mut() {
        log.stale = 4;
    }
    for text in ["1", "2", "3", "4"] {
        world.send(ALICE, "bob", text);
    }
    world.settle();
    assert_eq!(world.hosts[BOB].view(), ["may I?", "1", "2", "3", "4"]);
    assert_eq!(not_sent(&world, ALICE), []);
}

#[test]
fn a_counter_gap_is_mended_by_sending_again_in_order() {
    let mut world = World::two();
    world.befriend();
    world.relay.lose_submit = true;
    for text in ["1", "2", "3"] {
        world.send(ALICE, "bob", text);
    }
    world.settle();
    assert_eq!(world.hosts[BOB].view(), ["may I?", "1", "2", "3"]);
    let gaps = world.relay.logs.values().map(|log| log.gaps);
    assert!(gaps.sum::<usize>() > 0);
}

#[test]
fn a_second_store_with_the_same_keys_is_found_out() {
    let mut world = World::two();
    let id = world.befriend();
    let clone = world.hosts[ALICE].store.clone();
    world.send(ALICE, "bob", "from the first store");
    world.settle();
    // The older copy of the store is started instead.
    world.disconnect(ALICE);
    world.hosts[ALICE].pull_the_plug();
    world.hosts[ALICE].store = clone;
    world.clear_events();
    world.connect(ALICE);
    world.send(ALICE, "bob", "from the second");
    world.settle();
    let conflict = |event: &Event| {
        matches!(event, Event::Suspended { conversation, why: Suspension::CounterConflict }
            if *conversation == id)
    };
    assert!(world.hosts[ALICE].has(conflict), "{:?}", world.told());
    assert_eq!(world.hosts[BOB].view(), ["may I?", "from the first store"]);
}

#[test]
fn a_duplicate_of_another_digest_is_a_counter_conflict() {
    let mut world = World::two();
    let id = world.befriend();
    world.relay.log_stands = true;
    world.send(ALICE, "bob", "mine");
    world.drain();
    let counter = world.relay.unfolded[0].header.as_ref().unwrap().counter;
    let outcome = Outcome::Duplicate {
        first: Box::new(Outcome::Applied(Sequence(5))),
        digest_prefix: [9; 8],
    };
    let digest_prefix = world.relay.unfolded[0].digest.slice(..8);
    let push = client::OutcomePush {
        conversation_id: convert::id_bytes(&id),
        counter,
        outcome: Some(common::Outcome::from(&outcome)),
        digest_prefix,
    };
    world.inject(ALICE, Body::OutcomePush(push));
    assert!(world.hosts[ALICE].has(|event| matches!(
        event,
        Event::Suspended {
            why: Suspension::CounterConflict,
            ..
        }
    )));
}

#[test]
fn a_parked_text_is_told_and_the_conversation_goes_on() {
    let mut world = World::two();
    let id = world.befriend();
    let alice = world.hosts[ALICE].device.unwrap();
    // Genesis, commit and the request had 1 to 3.
    let log = world.relay.logs.get_mut(&id).unwrap();
    log.park.insert((alice, Counter(4)));
    let parked = world.send(ALICE, "bob", "unreadable to the fold");
    world.settle();
    world.send(ALICE, "bob", "next");
    world.settle();
    assert_eq!(not_sent(&world, ALICE), [(parked, NotSent::Parked)]);
    assert_eq!(world.hosts[BOB].view(), ["may I?", "next"]);
    assert!(world.hosts[BOB].has(|event| matches!(
        event,
        Event::Security {
            event: xchat_core::SecurityEvent::Parked { .. },
            ..
        }
    )));
}

#[test]
fn texts_written_while_the_server_is_away_go_later_and_once() {
    let mut world = World::two();
    world.befriend();
    world.disconnect(ALICE);
    let tickets: Vec<Ticket> = ["one", "two"]
        .map(|text| world.send(ALICE, "bob", text))
        .into();
    for ticket in &tickets {
        assert!(world.hosts[ALICE].has(|event| matches!(event,
            Event::Queued { ticket: of, held: Some(Held::Offline), .. } if of == ticket)));
    }
    world.hosts[ALICE].pull_the_plug();
    world.connect(ALICE);
    world.settle();
    assert_eq!(world.hosts[BOB].view(), ["may I?", "one", "two"]);
    assert_eq!(world.hosts[ALICE].sent()[1..], tickets);
}

#[test]
fn a_text_can_be_taken_back_until_it_is_submitted() {
    let mut world = World::two();
    world.befriend();
    world.disconnect(ALICE);
    let kept = world.send(ALICE, "bob", "kept");
    let gone = world.send(ALICE, "bob", "gone");
    let unknown = world.send(ALICE, "nobody-yet", "gone too");
    for ticket in [gone, unknown] {
        world.command(ALICE, Command::TakeBack { ticket });
        assert!(world.hosts[ALICE].has(|event| *event == Event::TakenBack { ticket }));
    }
    world.connect(ALICE);
    world.settle();
    world.command(ALICE, Command::TakeBack { ticket: kept });
    assert!(world.hosts[ALICE].has(|event| *event == Event::NotTakenBack { ticket: kept }));
    assert_eq!(world.hosts[BOB].view(), ["may I?", "kept"]);
    assert_eq!(not_sent(&world, ALICE), []);
}

#[test]
fn what_cannot_be_sent_is_said_at_once() {
    let mut world = World::two();
    let long = "x".repeat(70 * 1_024);
    let medium = "x".repeat(5 * 1_024);
    let cases = [
        ("bob", "", NotSent::Empty),
        ("bob", long.as_str(), NotSent::TooLarge),
        ("bob", medium.as_str(), NotSent::TooLargeForRequest),
        ("alice", "me", NotSent::ToYourself),
        ("nobody", "hello?", NotSent::UsernameUnknown),
    ];
    for (to, text, reason) in cases {
        world.clear_events();
        let ticket = world.send(ALICE, to, text);
        world.settle();
        assert_eq!(not_sent(&world, ALICE), [(ticket, reason)], "{to}");
    }
    assert!(world.relay.logs.is_empty());
    assert!(world.hosts[ALICE].engine().conversations().is_empty());

    let ticket = world.ticket();
    let to = Recipient::Conversation(xchat_types::ConversationId::new([5; 32]));
    let text = "where?".to_owned();
    world.command(ALICE, Command::Send { ticket, to, text });
    assert!(not_sent(&world, ALICE).contains(&(ticket, NotSent::ConversationUnknown)));

    world.befriend();
    world.send(ALICE, "bob", &medium);
    world.settle();
    assert_eq!(world.hosts[BOB].view(), ["may I?".to_owned(), medium]);
    assert_eq!(
        world.hosts[ALICE].engine().conversations()[0].phase,
        Phase::Open
    );
}
