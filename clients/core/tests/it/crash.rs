//! I21: the plug is pulled at every storage step. Nothing is lost, nothing is doubled, the groups
//! open.

use std::collections::BTreeMap;

use xchat_core::{Command, Event, Phase, Recipient, Settings};

use crate::{
    host::{Crash, Seeded},
    world::{ALICE, BOB, World, settings},
};

/// Small enough that a conversation of a few texts has commits in it.
fn eager() -> Settings {
    Settings {
        update_after: 2,
        ..settings()
    }
}

/// A command that the host has no answer to is given again at once when the process is back: with
/// the same ticket, and before anything else.
fn say(world: &mut World, from: usize, to: &str, text: &str) {
    let ticket = world.ticket();
    let send = Command::Send {
        ticket,
        to: Recipient::Name(to.to_owned()),
        text: text.to_owned(),
    };
    for _ in 0..10 {
        world.command(from, send.clone());
        let answered =
            |event: &Event| matches!(event, Event::Queued { ticket: of, .. } if *of == ticket);
        if world.hosts[from].has(answered) {
            break;
        }
    }
    world.settle();
}

fn accept(world: &mut World, who: usize) {
    for _ in 0..10 {
        let Some(view) = world.hosts[who].engine().conversations().first().cloned() else {
            break;
        };
        if view.phase != Phase::Invited {
            break;
        }
        let peer = Recipient::Conversation(view.id);
        world.command(who, Command::Accept { peer });
        world.settle();
    }
}

/// First contact, consent, texts both ways, commits of both.
fn scenario(world: &mut World) {
    world.connect(ALICE);
    world.connect(BOB);
    world.settle();
    say(world, ALICE, "bob", "one");
    accept(world, BOB);
    say(world, ALICE, "bob", "two");
    say(world, BOB, "alice", "three");
    say(world, ALICE, "bob", "four");
    say(world, BOB, "alice", "five");
    say(world, BOB, "alice", "six");
    say(world, ALICE, "bob", "seven");
}

const TEXTS: [&str; 7] = ["one", "two", "three", "four", "five", "six", "seven"];

fn check(world: &mut World, context: &str) {
    // From the stored rows alone, by fresh processes.
    for index in [ALICE, BOB] {
        world.hosts[index].crash = None;
        world.hosts[index].pull_the_plug();
        world.connect(index);
    }
    say(world, ALICE, "bob", "the groups open");
    say(world, BOB, "alice", "on both sides");
    for index in [ALICE, BOB] {
        let mut expected: Vec<&str> = TEXTS.to_vec();
        expected.extend(["the groups open", "on both sides"]);
        assert_eq!(world.hosts[index].view(), expected, "{context}");
        let views = world.hosts[index].engine().conversations();
        assert_eq!(views.len(), 1, "{context}");
        assert_eq!(views[0].suspension, None, "{context}");
        let trouble =
            |event: &Event| matches!(event, Event::Security { .. } | Event::NotSent { .. });
        assert!(
            !world.hosts[index].has(trouble),
            "{context}: {:?}",
            world.told()
        );
    }
    let conversation = world.hosts[ALICE].engine().conversations()[0].id;
    let log = &world.relay.logs[&conversation];
    let mut sent: BTreeMap<_, u32> = BTreeMap::new();
    for record in &log.records {
        *sent.entry(record.payload.clone()).or_default() += 1;
    }
    assert!(sent.values().all(|times| *times == 1), "{context}");
    assert!(
        world.relay.marks.is_empty(),
        "{context}: all is acknowledged"
    );
    assert!(
        world.relay.welcomes.values().all(BTreeMap::is_empty),
        "{context}"
    );
}

#[test]
fn nothing_is_lost_or_doubled_when_the_plug_is_pulled_at_any_storage_step() {
    let prepared = World::of(&["alice", "bob"], &eager());
    let mut steps = Vec::new();
    for who in [ALICE, BOB] {
        for stored in [false, true] {
            let mut at = 0;
            loop {
                at += 1;
                let mut world = prepared.restarted();
                world.hosts[who].crash = Some(Crash { at, stored });
                scenario(&mut world);
                let reached = world.hosts[who].batches >= at;
                check(&mut world, &format!("{who} at {at}, stored: {stored}"));
                if !reached {
                    break;
                }
            }
            steps.push(at - 1);
        }
    }
    // The scenario really has the steps that it is about.
    assert!(steps.iter().all(|steps| *steps >= 15), "{steps:?}");
}

#[test]
fn a_new_account_is_whole_when_the_plug_is_pulled_at_any_step_of_its_registration() {
    for stored in [false, true] {
        for at in 1..12 {
            let mut world = World::empty();
            let host = crate::host::Host::new("alice", 7, settings());
            world.hosts.push(host);
            world.hosts[0].crash = Some(Crash { at, stored });
            world.connect(0);
            for _ in 0..3 {
                world.register(0, [1; 32]);
                world.settle();
            }
            let context = format!("at {at}, stored: {stored}");
            let profile = world.hosts[0].engine().profile().unwrap();
            assert!(profile.registered, "{context}");
            assert_eq!(profile.username.as_deref(), Some("alice"), "{context}");
            let published = world.relay.directory.stock(&profile.device);
            assert!(published >= 6, "{context}: {published}");
            for reference in world.relay.directory.references(&profile.device, world.now) {
                assert!(world.hosts[0].holds(reference), "{context}");
            }
        }
    }
}

#[test]
fn nothing_is_lost_or_doubled_when_both_processes_die_again_and_again() {
    let prepared = World::of(&["alice", "bob"], &eager());
    for seed in 0..12 {
        let mut dice = Seeded(seed);
        let mut world = prepared.restarted();
        let crash = |dice: &mut Seeded, from: u64| {
            Some(Crash {
                at: from + 1 + dice.next() % 9,
                stored: dice.once_in(2),
            })
        };
        world.dice = Seeded(seed);
        for who in [ALICE, BOB] {
            world.hosts[who].crash = crash(&mut dice, 0);
        }
        world.on_crash = Some(Box::new(move |host| {
            // Six lives each.
            let from = host.batches;
            host.crash = (host.lives > 0).then(|| crash(&mut dice, from)).flatten();
            host.lives = host.lives.saturating_sub(1);
        }));
        scenario(&mut world);
        world.on_crash = None;
        check(&mut world, &format!("seed {seed}"));
    }
}

#[test]
fn a_text_that_waited_for_a_name_survives_until_its_conversation_is_loaded() {
    let mut prepared = World::two();
    prepared.befriend();
    let username = "alicia".to_owned();
    prepared.command(ALICE, Command::SetUsername { username });
    prepared.settle();
    for stored in [false, true] {
        for at in 1..7 {
            let mut world = prepared.restarted();
            world.connect(ALICE);
            world.connect(BOB);
            world.settle();
            world.hosts[BOB].crash = Some(Crash { at, stored });
            // A name that Bob has never looked up, of a conversation that is not loaded.
            say(&mut world, BOB, "alicia", "by another name");
            let context = format!("at {at}, stored: {stored}");
            world.settle();
            assert_eq!(
                world.hosts[ALICE].view(),
                ["may I?", "by another name"],
                "{context}"
            );
            assert_eq!(
                world.hosts[BOB].view(),
                ["may I?", "by another name"],
                "{context}"
            );
        }
    }
}
