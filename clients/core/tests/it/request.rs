//! Requests: names, consent, refusal, and two that cross.

use xchat_core::{Command, Event, Held, NotSent, Phase, Recipient, SecurityEvent};
use xchat_proto::common::Reason;
use xchat_types::AccountId;

use crate::{
    relay::Refusal,
    world::{ALICE, BOB, World, settings},
};

fn phases(world: &mut World, index: usize) -> Vec<Phase> {
    let views = world.hosts[index].engine().conversations();
    views.iter().map(|view| view.phase).collect()
}

fn requested(world: &World, index: usize) -> Vec<(AccountId, Option<String>, String)> {
    let events = world.hosts[index].events.iter();
    let events = events.filter_map(|event| match event {
        Event::RequestReceived {
            account,
            name,
            message,
            ..
        } => Some((*account, name.clone(), message.text().unwrap())),
        _ => None,
    });
    events.collect()
}

#[test]
fn while_a_request_is_open_further_texts_are_held_and_said_so() {
    let mut world = World::two();
    world.send(ALICE, "bob", "first");
    let second = world.send(ALICE, "bob", "second");
    world.settle();
    let third = world.send(ALICE, "bob", "third");
    world.settle();
    assert!(world.hosts[ALICE].has(|event| matches!(event,
        Event::Queued { ticket, held: Some(Held::RequestOpen), .. } if *ticket == third)));
    assert_eq!(world.hosts[ALICE].sent().len(), 1);
    assert_eq!(world.hosts[BOB].received(), ["first"]);
    let alice = world.hosts[ALICE].device.unwrap();
    let submits = world.relay.count(alice, "submit");
    assert_eq!(submits, 3, "genesis, invitation and one text");

    let peer = Recipient::Name("alice".to_owned());
    world.command(BOB, Command::Accept { peer });
    world.settle();
    assert_eq!(world.hosts[BOB].view(), ["first", "second", "third"]);
    assert_eq!(world.hosts[ALICE].sent()[1..], [second, third]);
}

#[test]
fn a_declined_request_ends_what_was_held() {
    decline(true);
}

#[test]
fn a_decline_is_done_even_if_the_server_shows_nothing_after_it() {
    decline(false);
}

fn decline(shown: bool) {
    let mut world = World::two();
    world.send(ALICE, "bob", "first");
    world.settle();
    for log in world.relay.logs.values_mut() {
        log.shows_decline = shown;
    }
    let held = world.send(ALICE, "bob", "held");
    world.settle();
    let peer = Recipient::Name("alice".to_owned());
    world.command(BOB, Command::Decline { peer });
    world.settle();
    let reason = NotSent::RequestDeclined;
    let not_sent = |world: &World, ticket| {
        world.hosts[ALICE].has(|event| {
            matches!(event, Event::NotSent { ticket: of, reason: why, .. }
                if *of == ticket && *why == reason)
        })
    };
    assert!(not_sent(&world, held));
    assert_eq!(phases(&mut world, ALICE), [Phase::DeclinedByPeer]);
    assert_eq!(phases(&mut world, BOB), [Phase::Declined]);
    let later = world.send(ALICE, "bob", "please");
    world.settle();
    assert!(not_sent(&world, later));
    assert_eq!(world.hosts[BOB].received(), ["first"]);
}

#[test]
fn an_answer_given_while_the_server_is_away_is_kept() {
    let mut world = World::two();
    world.send(ALICE, "bob", "first");
    world.settle();
    world.disconnect(BOB);
    let peer = Recipient::Name("alice".to_owned());
    world.command(BOB, Command::Accept { peer });
    world.hosts[BOB].pull_the_plug();
    world.connect(BOB);
    world.settle();
    assert_eq!(phases(&mut world, ALICE), [Phase::Open]);
    assert_eq!(phases(&mut world, BOB), [Phase::Open]);
}

#[test]
fn writing_to_somebody_who_asks_is_consent() {
    let mut world = World::two();
    world.send(ALICE, "bob", "hello");
    world.settle();
    world.send(BOB, "alice", "hello yourself");
    world.settle();
    assert_eq!(phases(&mut world, BOB), [Phase::Open]);
    assert_eq!(world.hosts[ALICE].view(), ["hello", "hello yourself"]);
}

#[test]
fn a_name_that_is_somebody_elses_is_not_shown() {
    let mut world = World::two();
    // Alice's name now leads to another account.
    let other = AccountId::new([8; 32]);
    world
        .relay
        .directory
        .names
        .insert("alice".to_owned(), other);
    world.send(ALICE, "bob", "I am alice");
    world.settle();
    let alice = world.account(ALICE);
    assert_eq!(
        requested(&world, BOB),
        [(alice, None, "I am alice".to_owned())]
    );
    // And the name cannot be used to accept her.
    let peer = Recipient::Name("alice".to_owned());
    world.command(BOB, Command::Accept { peer: peer.clone() });
    world.settle();
    assert!(world.hosts[BOB].has(|event| *event == Event::PeerUnknown { peer: peer.clone() }));
    let peer = Recipient::Account(alice);
    world.command(BOB, Command::Accept { peer });
    world.settle();
    assert_eq!(phases(&mut world, BOB), [Phase::Open]);
}

#[test]
fn a_request_is_shown_once_even_if_the_lookup_has_to_wait() {
    let mut world = World::two();
    world.relay.refusals.push_back(Refusal {
        request: "lookup",
        reason: Reason::RateLimited,
        retry_after_ms: 5_000,
    });
    // The first lookup is Alice's own; it waits too.
    world.send(ALICE, "bob", "hello");
    world.settle();
    let alice = world.account(ALICE);
    let shown = (alice, Some("alice".to_owned()), "hello".to_owned());
    assert_eq!(requested(&world, BOB), std::slice::from_ref(&shown));

    let mut world = World::two();
    for _ in 0..2 {
        // Of Alice's lookup, then of Bob's.
        world.relay.refusals.push_back(Refusal {
            request: "lookup",
            reason: Reason::Unavailable,
            retry_after_ms: 5_000,
        });
    }
    world.send(ALICE, "bob", "hello");
    while !world.relay.refusals.is_empty() {
        world.step();
    }
    world.drain();
    assert!(requested(&world, BOB).is_empty());
    world.hosts[BOB].pull_the_plug();
    world.connect(BOB);
    world.settle();
    assert_eq!(requested(&world, BOB), [shown]);
}

#[test]
fn a_send_to_a_name_waits_for_the_server_and_survives_a_restart() {
    let mut world = World::two();
    world.disconnect(ALICE);
    let real = world.send(ALICE, "bob", "hello");
    let unreal = world.send(ALICE, "nobody", "hello?");
    for ticket in [real, unreal] {
        assert!(world.hosts[ALICE].has(|event| matches!(event,
            Event::Queued { ticket: of, held: Some(Held::NameUnresolved), .. } if *of == ticket)));
    }
    assert_eq!(world.hosts[ALICE].engine().outbox().len(), 2);
    world.hosts[ALICE].pull_the_plug();
    assert_eq!(world.hosts[ALICE].engine().outbox().len(), 2);
    world.connect(ALICE);
    world.settle();
    assert_eq!(world.hosts[ALICE].sent(), [real]);
    assert!(world.hosts[ALICE].has(|event| matches!(event,
        Event::NotSent { ticket, reason: NotSent::UsernameUnknown, .. } if *ticket == unreal)));
    assert_eq!(world.hosts[BOB].received(), ["hello"]);
    assert_eq!(world.hosts[ALICE].engine().outbox(), []);
}

#[test]
fn a_resolved_name_stays_with_its_account_whatever_the_server_says_later() {
    let mut world = World::of(&["alice", "bob", "mallory"], &settings());
    world.befriend();
    let mallory = world.account(2);
    world
        .relay
        .directory
        .names
        .insert("bob".to_owned(), mallory);
    world.send(ALICE, "bob", "for bob alone");
    world.settle();
    assert_eq!(world.hosts[BOB].view(), ["may I?", "for bob alone"]);
    assert!(world.hosts[2].view().is_empty());
}

#[test]
fn the_first_contact_uses_one_claim_however_often_its_answer_is_lost() {
    let mut world = World::two();
    let alice = world.hosts[ALICE].device.unwrap();
    world.lose = Some(("claim", 3));
    world.send(ALICE, "bob", "hello");
    world.settle();
    assert_eq!(world.relay.count(alice, "claim"), 4);
    assert_eq!(world.relay.directory.claims.len(), 1);
    assert_eq!(world.hosts[BOB].received(), ["hello"]);
}

#[test]
fn key_packages_of_somebody_else_are_never_used() {
    let mut world = World::of(&["alice", "bob", "mallory"], &settings());
    let mallory = world.account(2);
    world.relay.directory.impostor = Some(mallory);
    let ticket = world.send(ALICE, "bob", "secret");
    world.settle();
    assert!(world.hosts[ALICE].has(|event| matches!(
        event,
        Event::Security {
            event: SecurityEvent::KeyPackage,
            ..
        }
    )));
    assert!(world.hosts[ALICE].has(|event| matches!(event,
        Event::NotSent { ticket: of, reason: NotSent::Unreachable, .. } if *of == ticket)));
    assert!(world.hosts[2].received().is_empty());
    assert!(world.relay.logs.is_empty());
}

#[test]
fn claims_that_fail_say_why() {
    for (reason, told) in [
        (Reason::AccountUnknown, NotSent::AccountUnknown),
        (Reason::NoKeyPackages, NotSent::Unreachable),
        (Reason::Blocked, NotSent::Blocked),
    ] {
        let mut world = World::two();
        world.relay.refusals.push_back(Refusal {
            request: "claim",
            reason,
            retry_after_ms: 0,
        });
        world.send(ALICE, "bob", "hello");
        world.settle();
        assert!(world.hosts[ALICE].has(|event| matches!(event,
            Event::NotSent { reason, .. } if *reason == told)));
        assert!(world.hosts[ALICE].engine().conversations().is_empty());
    }
}

/// Both ask at once, with so many frames carried between the two first texts.
fn cross(prepared: &World, seed: u64, between: usize) -> World {
    let mut world = prepared.restarted();
    world.dice.0 = seed;
    // Other conversation ids, so that now one and now the other is lower.
    for host in &mut world.hosts {
        host.reseed(seed);
    }
    world.connect(ALICE);
    world.connect(BOB);
    world.settle();
    world.send(ALICE, "bob", "a1");
    for _ in 0..between {
        world.step();
    }
    world.send(BOB, "alice", "b1");
    world.send(BOB, "alice", "b2");
    world.send(ALICE, "bob", "a2");
    world.settle();
    world
}

#[test]
fn requests_that_cross_are_consent_and_nothing_is_sent_twice() {
    let prepared = World::two();
    let (mut crossed, mut lower_by_alice) = (0, 0);
    for seed in 0..4 {
        for between in [0, 1, 2, 3, 4, 5, 7, 9, 12, 16] {
            let mut world = cross(&prepared, seed, between);
            let context = format!("seed {seed}, {between} frames between");
            let view = world.hosts[ALICE].view();
            assert_eq!(
                view,
                world.hosts[BOB].view(),
                "{context}: {:?}",
                world.told()
            );
            let mut sorted = view.clone();
            sorted.sort();
            assert_eq!(sorted, ["a1", "a2", "b1", "b2"], "{context}");
            let open = |world: &mut World, index: usize| {
                let views = world.hosts[index].engine().conversations();
                let open = views.iter().filter(|view| view.phase == Phase::Open);
                open.map(|view| (view.id, view.own)).collect::<Vec<_>>()
            };
            let (alice, bob) = (open(&mut world, ALICE), open(&mut world, BOB));
            assert_eq!(alice.len(), 1, "{context}");
            assert_eq!(alice[0].0, bob[0].0, "{context}");
            let mut merged = world.hosts[ALICE].engine().conversations();
            merged.retain(|view| matches!(view.phase, Phase::Merged(into) if into == alice[0].0));
            if let Some(other) = merged.first() {
                assert!(alice[0].0 < other.id, "{context}: the lower id goes on");
            }
            if world
                .told()
                .iter()
                .any(|(_, e)| matches!(e, Event::RequestsCrossed { .. }))
            {
                crossed += 1;
                lower_by_alice += usize::from(alice[0].1);
            }
            // They go on in one conversation.
            world.send(ALICE, "bob", "z1");
            world.settle();
            world.send(BOB, "alice", "z2");
            world.settle();
            assert_eq!(
                world.hosts[ALICE].view(),
                world.hosts[BOB].view(),
                "{context}"
            );
            assert_eq!(world.hosts[ALICE].view().len(), 6, "{context}");
            let bad =
                |event: &Event| matches!(event, Event::Security { .. } | Event::NotSent { .. });
            assert!(
                !world.hosts[ALICE].has(bad),
                "{context}: {:?}",
                world.told()
            );
        }
    }
    assert!(crossed >= 10, "they really crossed: {crossed}");
    assert!(
        lower_by_alice > 0 && lower_by_alice < crossed,
        "{lower_by_alice} of {crossed}"
    );
}

#[test]
fn safety_numbers_are_the_same_on_both_sides_and_remembered_once_compared() {
    let mut world = World::two();
    world.befriend();
    let number = |world: &mut World, index: usize, name: &str| {
        world.clear_events();
        let peer = Recipient::Name(name.to_owned());
        world.command(index, Command::SafetyNumber { peer });
        let events = world.hosts[index].events.iter();
        let mut numbers = events.filter_map(|event| match event {
            Event::SafetyNumber {
                number, verified, ..
            } => Some((number.digits(), *verified)),
            _ => None,
        });
        numbers.next().unwrap()
    };
    let (one, verified) = number(&mut world, ALICE, "bob");
    assert_eq!((one.len(), verified), (60, false));
    assert_eq!(number(&mut world, BOB, "alice"), (one.clone(), false));
    let account = world.account(BOB);
    world.command(
        ALICE,
        Command::SetVerified {
            account,
            verified: true,
        },
    );
    world.hosts[ALICE].pull_the_plug();
    world.connect(ALICE);
    world.settle();
    assert_eq!(number(&mut world, ALICE, "bob"), (one, true));
    assert!(world.hosts[ALICE].engine().conversations()[0].verified);
}
