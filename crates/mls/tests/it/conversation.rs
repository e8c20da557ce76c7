//! Whole conversations, on both suites: server and clients with the same judge.

use xchat_mls::{
    Change, CommitBundle, CommitEffect, LeafIndex, Suite, Timer, TimerMode, group::DecryptError,
};
use xchat_types::{Epoch, Header};

use crate::{
    person::{Person, adding, direct, gather, removing},
    server::Server,
};

/// The log takes a commit; everybody who was in before applies it, and finds the same effect.
fn deliver(
    server: &mut Server,
    header: &Header,
    bundle: &CommitBundle,
    people: &mut [&mut Person],
) -> CommitEffect {
    let control = server.control.clone();
    let effect = server.submit(header, bundle).unwrap();
    for person in people {
        let applied = server.with_control(control.clone(), |server| {
            person.apply(server, header, bundle)
        });
        let applied = applied.unwrap();
        assert_eq!(applied.effect, effect, "client and server judge alike");
        let gone = effect.removed.iter().any(|leaf| leaf.device == person.id());
        assert_eq!(applied.removed_self, gone);
    }
    effect
}

fn agree(server: &Server, people: &[&Person]) {
    for person in people {
        assert_eq!(person.authenticator(), people[0].authenticator());
        assert_eq!(person.members(), server.snapshot().leaves().unwrap());
        assert_eq!(person.epoch(), server.snapshot().epoch());
    }
}

fn a_direct_conversation(suite: Suite) {
    let (mut alice, mut bob) = (Person::new(1), Person::new(2));
    let mut server = Server::new();
    let (header, genesis) = alice.found(suite, direct(&alice, &bob));
    server.found(&header, &genesis).unwrap();
    assert_eq!(server.snapshot().suite(), suite);
    agree(&server, &[&alice]);

    let (header, bundle) = alice.commit(&adding(vec![bob.package(suite)]));
    let effect = deliver(&mut server, &header, &bundle, &mut [&mut alice]);
    let [added] = effect.added.as_slice() else {
        panic!("one device was added");
    };
    assert_eq!(added.leaf.device, bob.id());
    assert!(!added.known_account);
    bob.join(&added.welcome, &server.tree()).unwrap();
    agree(&server, &[&alice, &bob]);

    for round in 0..3 {
        let (header, message) = alice.say(&format!("ping {round}"));
        assert_eq!(bob.hear(&header, &message), Ok(format!("ping {round}")));
        let (header, message) = bob.say(&format!("pong {round}"));
        assert_eq!(alice.hear(&header, &message), Ok(format!("pong {round}")));
    }

    let root = bob.root.public();
    let account = bob.account();
    assert_eq!(alice.group().root_of(&account), Some(root));

    let (header, bundle) = bob.commit(&Change::default());
    deliver(&mut server, &header, &bundle, &mut [&mut alice, &mut bob]);
    agree(&server, &[&alice, &bob]);
    let (header, message) = alice.say("after the update");
    assert_eq!(
        bob.hear(&header, &message).as_deref(),
        Ok("after the update")
    );
    assert_eq!(
        alice.group().export("call", b"", 32).unwrap(),
        bob.group().export("call", b"", 32).unwrap()
    );
}

#[test]
fn two_people_talk_over_the_classical_suite() {
    a_direct_conversation(Suite::Classical);
}

#[test]
fn two_people_talk_over_the_hybrid_suite() {
    a_direct_conversation(Suite::Hybrid);
}

#[test]
fn several_devices_are_added_at_once_and_fill_the_gaps_of_those_removed() {
    let mut people: Vec<Person> = (1..=5).map(Person::new).collect();
    let mut server = Server::new();
    let mut all: Vec<&mut Person> = people.iter_mut().collect();
    gather(&mut server, Suite::Classical, &mut all);

    let (header, bundle) = people[0].commit(&removing(&[1, 3]));
    let mut all: Vec<&mut Person> = people.iter_mut().collect();
    deliver(&mut server, &header, &bundle, &mut all);
    assert!(!people[1].group().is_active());

    let mut late: Vec<Person> = (11..=13).map(Person::new).collect();
    let packages = late
        .iter_mut()
        .map(|p| p.package(Suite::Classical))
        .collect();
    let (header, bundle) = people[0].commit(&adding(packages));
    let [first, _, third, _, fifth] = people.as_mut_slice() else {
        panic!("five people");
    };
    let effect = deliver(&mut server, &header, &bundle, &mut [first, third, fifth]);
    let indices: Vec<u32> = effect
        .added
        .iter()
        .map(|added| added.leaf.index.0)
        .collect();
    assert_eq!(indices, [1, 3, 5]);
    for (person, added) in late.iter_mut().zip(&effect.added) {
        assert_eq!(added.leaf.device, person.id());
        person.join(&added.welcome, &server.tree()).unwrap();
    }
    agree(
        &server,
        &[first, third, fifth, &late[0], &late[1], &late[2]],
    );
}

#[test]
fn a_removed_device_hears_nothing_more() {
    let [mut a, mut b, mut c] = [1, 2, 3].map(Person::new);
    let mut server = Server::new();
    gather(&mut server, Suite::Classical, &mut [&mut a, &mut b, &mut c]);
    let (header, bundle) = a.commit(&removing(&[1]));
    deliver(&mut server, &header, &bundle, &mut [&mut a, &mut b, &mut c]);
    let (header, message) = a.say("without you");
    assert!(b.hear(&header, &message).is_err());
    assert_eq!(c.hear(&header, &message).as_deref(), Ok("without you"));
    let (device, header) = (
        b.device.clone(),
        b.header(xchat_types::RecordKind::Application),
    );
    assert!(b.group().encrypt(&device, &header, b"still here").is_err());
}

#[test]
fn of_two_commits_for_one_epoch_the_first_counts_and_the_other_is_made_again() {
    let [mut a, mut b, mut c] = [1, 2, 3].map(Person::new);
    let mut server = Server::new();
    gather(&mut server, Suite::Classical, &mut [&mut a, &mut b, &mut c]);
    let (first_header, first) = a.commit(&Change::default());
    let (second_header, second) = b.commit(&Change::default());
    deliver(
        &mut server,
        &first_header,
        &first,
        &mut [&mut a, &mut b, &mut c],
    );
    assert!(!b.group().has_pending_commit(), "the loser's is gone");
    let refused = server.submit(&second_header, &second).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the handshake is refused: another commit of its epoch came first"
    );
    let (header, bundle) = b.commit(&Change::default());
    deliver(&mut server, &header, &bundle, &mut [&mut a, &mut b, &mut c]);
    agree(&server, &[&a, &b, &c]);
}

#[test]
fn messages_of_the_three_epochs_before_can_still_be_read() {
    let [mut a, mut b] = [1, 2].map(Person::new);
    let mut server = Server::new();
    gather(&mut server, Suite::Classical, &mut [&mut a, &mut b]);
    let late: Vec<_> = (0..5)
        .map(|_| {
            let said = a.say("late");
            let (header, bundle) = a.commit(&Change::default());
            deliver(&mut server, &header, &bundle, &mut [&mut a, &mut b]);
            said
        })
        .collect();
    assert_eq!(b.epoch(), Epoch(6));
    let heard: Vec<bool> = late.iter().map(|(h, m)| b.hear(h, m).is_ok()).collect();
    assert_eq!(heard, [false, false, true, true, true]);
}

#[test]
fn an_own_commit_that_was_refused_can_be_dropped_and_made_again() {
    let [mut a, mut b] = [1, 2].map(Person::new);
    let mut server = Server::new();
    gather(&mut server, Suite::Classical, &mut [&mut a, &mut b]);
    let (lost_header, lost) = a.commit(&Change::default());
    a.group().clear_pending_commit().unwrap();
    a.restart();
    let (header, bundle) = a.commit(&Change::default());
    let error = a.apply(&server, &lost_header, &lost).unwrap_err();
    assert_eq!(error, xchat_mls::group::ApplyError::OwnCommitLost);
    deliver(&mut server, &header, &bundle, &mut [&mut a, &mut b]);
    agree(&server, &[&a, &b]);
}

#[test]
fn a_policy_change_reaches_everybody_and_grows_the_timers_version() {
    let [mut a, mut b] = [1, 2].map(Person::new);
    let mut server = Server::new();
    gather(&mut server, Suite::Hybrid, &mut [&mut a, &mut b]);
    let mut policy = a.group().extensions().unwrap().policy;
    policy.timer = policy.timer.changed_to(TimerMode::Send, 3_600);
    let change = Change {
        policy: Some(policy.clone()),
        ..Change::default()
    };
    let (header, bundle) = a.commit(&change);
    let effect = deliver(&mut server, &header, &bundle, &mut [&mut a, &mut b]);
    assert_eq!(effect.extensions.unwrap().policy, policy);
    let expected = Timer {
        mode: TimerMode::Send,
        seconds: 3_600,
        version: 1,
    };
    assert_eq!(b.group().extensions().unwrap().policy.timer, expected);
    assert_eq!(server.snapshot().extensions().unwrap().policy, policy);
}

#[test]
fn a_group_with_unpersisted_steps_goes_back_to_what_was_persisted() {
    let [mut a, mut b] = [1, 2].map(Person::new);
    let mut server = Server::new();
    gather(&mut server, Suite::Classical, &mut [&mut a, &mut b]);
    let (header, message) = a.say("once");
    b.group().decrypt(&header, &message).unwrap();
    b.group().revert().unwrap();
    assert_eq!(b.hear(&header, &message).as_deref(), Ok("once"));
    assert!(b.hear(&header, &message).is_err(), "its key is gone");

    let (header, bundle) = a.commit(&Change::default());
    let case = server.case(&header, &bundle);
    b.group().apply_commit(&case).unwrap();
    b.group().revert().unwrap();
    assert_eq!(b.epoch(), header.epoch);
    deliver(&mut server, &header, &bundle, &mut [&mut a, &mut b]);
    agree(&server, &[&a, &b]);
    assert_eq!(a.group().own_index(), LeafIndex(0));
}

#[test]
fn a_message_is_not_read_under_another_header_than_its_own() {
    let [mut a, mut b] = [1, 2].map(Person::new);
    let mut server = Server::new();
    gather(&mut server, Suite::Classical, &mut [&mut a, &mut b]);
    let (header, message) = a.say("at its own time");
    let changed = [
        Header {
            counter: header.counter.next(),
            ..header
        },
        Header {
            created_at: header.created_at.saturating_add(1),
            ..header
        },
        Header {
            sender: b.id(),
            ..header
        },
        Header {
            epoch: header.epoch.next(),
            ..header
        },
    ];
    for changed in changed {
        assert_eq!(b.hear(&changed, &message), Err(DecryptError::Header));
    }
    assert_eq!(b.hear(&header, &message).as_deref(), Ok("at its own time"));
}
