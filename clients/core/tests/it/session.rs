//! From a socket to a session, and how it stays.

use xchat_core::{CloseReason, Command, Connection, Event, Recipient, Settings, Warning};
use xchat_crypto::{Phrase, SecretKey};
use xchat_proto::{
    client::{self, server_frame::Body},
    common::Reason,
};

use crate::{
    host::Host,
    relay::Refusal,
    world::{ALICE, BOB, World, settings},
};

#[test]
fn a_session_is_renewed_in_band_for_hours() {
    let mut world = World::two();
    world.befriend();
    let alice = world.hosts[ALICE].device.unwrap();
    for _ in 0..30 {
        world.pass(120_000);
        world.settle();
    }
    assert!(world.relay.count(alice, "refresh") >= 12);
    // Only a login on a socket that has one already is counted.
    assert_eq!(world.relay.count(alice, "login"), 0);
    assert_eq!(world.hosts[ALICE].sockets, 1);
    world.send(ALICE, "bob", "an hour later");
    world.settle();
    assert_eq!(world.hosts[BOB].view().len(), 2);
}

#[test]
fn a_refused_renewal_ends_in_a_login_by_the_device_key_on_a_fresh_socket() {
    let mut world = World::two();
    world.relay.refusals.push_back(Refusal {
        request: "refresh",
        reason: Reason::SessionEnded,
        retry_after_ms: 0,
    });
    world.pass(270_000);
    world.settle();
    let sockets = world.hosts.iter().map(|host| host.sockets);
    assert_eq!(sockets.sum::<u32>(), 3);
    for host in &mut world.hosts {
        assert_eq!(host.engine().connection(), Connection::Ready);
    }
}

#[test]
fn what_ends_a_socket_says_whether_to_come_back() {
    let cases = [
        (
            "hello",
            Reason::UnsupportedVersion,
            CloseReason::Version,
            false,
        ),
        ("hello", Reason::Unavailable, CloseReason::Refused, true),
        (
            "login",
            Reason::DeviceRevoked,
            CloseReason::LoginRefused,
            false,
        ),
        ("login", Reason::ClockSkew, CloseReason::LoginRefused, false),
        ("login", Reason::Unavailable, CloseReason::Refused, true),
        ("resume", Reason::Replaced, CloseReason::Replaced, false),
    ];
    let prepared = World::two();
    for (request, reason, closed, transient) in cases {
        let mut world = prepared.restarted();
        world.relay.refusals.push_back(Refusal {
            request,
            reason,
            retry_after_ms: 0,
        });
        world.connect(ALICE);
        world.drain();
        assert_eq!(world.hosts[ALICE].closed, [closed], "{request} {reason:?}");
        assert_eq!(closed.is_transient(), transient);
        assert!(world.hosts[ALICE].has(|event| matches!(event,
            Event::ServerRefused { reason: told, .. } if *told == reason)));
    }
    let mut world = prepared.restarted();
    world.connect(ALICE);
    world.settle();
    let push = client::GoingAwayPush {
        reason: Reason::Draining.into(),
        reconnect_after_ms: 1_234,
    };
    world.inject(ALICE, Body::GoingAwayPush(push));
    assert_eq!(world.hosts[ALICE].closed, [CloseReason::GoingAway]);
    assert_eq!(world.hosts[ALICE].pause, Some(1_234));
}

#[test]
fn a_server_that_does_not_answer_is_left_and_tried_again() {
    let mut world = World::two();
    world.befriend();
    world.weather.lose_answer = 1;
    world.send(ALICE, "bob", "no answer comes");
    world.drain();
    world.weather.lose_answer = 0;
    world.relay.pushes = false;
    world.pass(Settings::default().request_timeout_ms);
    assert_eq!(world.hosts[ALICE].closed, [CloseReason::Silence]);
    world.relay.pushes = true;
    world.settle();
    assert_eq!(world.hosts[ALICE].sockets, 2);
    assert_eq!(world.hosts[ALICE].view().len(), 2);
}

#[test]
fn another_server_under_the_same_address_is_refused() {
    let mut world = World::two();
    world.disconnect(ALICE);
    world.relay.key = SecretKey::from_seed([98; 32]);
    world.connect(ALICE);
    world.drain();
    assert!(world.hosts[ALICE].has(|event| *event == Event::Warning(Warning::OtherServer)));
    assert_eq!(world.hosts[ALICE].closed, [CloseReason::OtherServer]);
    assert!(!CloseReason::OtherServer.is_transient());
    assert_eq!(world.hosts[ALICE].device, None, "it was not logged in to");
}

#[test]
fn a_server_of_another_version_is_told_apart() {
    let mut world = World::two();
    world.disconnect(ALICE);
    world.relay.api_version = 2;
    world.connect(ALICE);
    world.drain();
    assert!(world.hosts[ALICE].has(|event| matches!(
        event,
        Event::Warning(Warning::ServerVersion {
            server: 2,
            client: 1
        })
    )));
    assert_eq!(world.hosts[ALICE].closed, [CloseReason::Version]);
}

#[test]
fn a_name_that_is_taken_creates_nothing_and_another_can_be_tried() {
    let mut world = World::two();
    world.hosts.push(Host::new("alice", 77, settings()));
    world.connect(2);
    world.register(2, [9; 32]);
    world.settle();
    assert!(world.hosts[2].has(|event| matches!(
        event,
        Event::RegistrationRefused {
            reason: Reason::UsernameTaken,
            ..
        }
    )));
    assert!(!world.hosts[2].engine().profile().unwrap().registered);
    let register = Command::Register {
        phrase: Phrase::from_entropy([9; 32]),
        keep_root: true,
        username: Some("alicia".to_owned()),
        invite: None,
    };
    world.command(2, register);
    world.settle();
    assert!(world.hosts[2].has(|event| matches!(event,
        Event::Registered { username: Some(name), .. } if name == "alicia")));
    world.send(2, "bob", "hello from alicia");
    world.settle();
    assert!(world.hosts[BOB].has(|event| matches!(event,
        Event::RequestReceived { name: Some(name), .. } if name == "alicia")));
}

#[test]
fn an_account_can_be_registered_before_the_server_is_there() {
    let mut world = World::empty();
    world.hosts.push(Host::new("alice", 7, settings()));
    world.register(0, [1; 32]);
    world.hosts[0].pull_the_plug();
    world.hosts[0].crashes = 0;
    assert!(!world.hosts[0].engine().profile().unwrap().registered);
    world.connect(0);
    world.settle();
    assert!(world.hosts[0].engine().profile().unwrap().registered);
    assert_eq!(
        world.relay.directory.stock(&world.hosts[0].device.unwrap()),
        6
    );
}

#[test]
fn without_the_root_key_in_the_store_the_device_goes_on_all_the_same() {
    let mut world = World::empty();
    world.hosts.push(Host::new("alice", 7, settings()));
    let register = Command::Register {
        phrase: Phrase::from_entropy([1; 32]),
        keep_root: false,
        username: None,
        invite: None,
    };
    world.connect(0);
    world.command(0, register);
    world.settle();
    let seed = Phrase::from_entropy([1; 32]).root_key().seed();
    let holds = |world: &World| {
        world.hosts[0]
            .store
            .values()
            .any(|value| value.windows(32).any(|window| window == seed.as_slice()))
    };
    assert!(!holds(&world), "the root key is nowhere");
    world.hosts[0].pull_the_plug();
    world.connect(0);
    world.settle();
    assert_eq!(world.hosts[0].engine().connection(), Connection::Ready);
}

#[test]
fn used_key_packages_are_made_up_for() {
    let mut world = World::of(&["alice", "bob", "carol", "dave"], &settings());
    let bob = world.hosts[BOB].device.unwrap();
    assert_eq!(world.relay.directory.stock(&bob), 6);
    for from in [ALICE, 2, 3] {
        world.send(from, "bob", "hello");
        world.settle();
    }
    // Two were used, then more were made: never fewer than the last resort and one.
    assert_eq!(world.hosts[BOB].received().len(), 3, "{:?}", world.told());
    assert!(world.relay.directory.stock(&bob) >= 5);
    assert!(world.relay.count(bob, "publish") >= 2);
}

#[test]
fn refused_key_packages_are_forgotten_and_made_again_after_a_pause() {
    let mut world = World::empty();
    world.hosts.push(Host::new("alice", 7, settings()));
    world.register(0, [1; 32]);
    world.relay.refusals.push_back(Refusal {
        request: "publish",
        reason: Reason::ClockSkew,
        retry_after_ms: 0,
    });
    world.connect(0);
    world.settle();
    let alice = world.hosts[0].device.unwrap();
    let keys = |world: &World| {
        let rows = world.hosts[0].store.keys();
        rows.filter(|key| key.table == xchat_core::Table::KeyPackage)
            .count()
    };
    assert_eq!((world.relay.directory.stock(&alice), keys(&world)), (0, 0));
    world.pass(600_000);
    world.settle();
    assert_eq!(world.relay.directory.stock(&alice), 6);
    assert!(keys(&world) >= 6);
}

#[test]
fn a_name_can_be_set_and_resolved() {
    let mut world = World::two();
    world.command(
        ALICE,
        Command::SetUsername {
            username: "alicia".to_owned(),
        },
    );
    world.command(
        BOB,
        Command::SetUsername {
            username: "alice".to_owned(),
        },
    );
    world.settle();
    assert!(world.hosts[ALICE].has(|event| matches!(event, Event::UsernameSet { .. })));
    assert!(world.hosts[BOB].has(|event| matches!(
        event,
        Event::UsernameRefused {
            reason: Reason::UsernameTaken,
            ..
        }
    )));
    let alice = world.account(ALICE);
    for name in ["alicia", "nobody"] {
        world.command(
            BOB,
            Command::Resolve {
                name: name.to_owned(),
            },
        );
    }
    world.settle();
    assert!(world.hosts[BOB].has(|event| matches!(event,
        Event::Resolved { name, account } if name == "alicia" && *account == alice)));
    assert!(world.hosts[BOB].has(|event| *event
        == Event::NameUnknown {
            name: "nobody".to_owned()
        }));
    world.disconnect(BOB);
    let peer = Recipient::Name("somebody".to_owned());
    world.command(BOB, Command::Accept { peer: peer.clone() });
    assert!(world.hosts[BOB].has(|event| *event == Event::PeerUnknown { peer: peer.clone() }));
}

#[test]
fn a_conversation_is_loaded_only_when_something_happens_in_it() {
    let mut world = World::of(&["alice", "bob", "carol"], &settings());
    world.befriend();
    world.send(2, "bob", "hello from carol");
    world.settle();
    let peer = Recipient::Name("carol".to_owned());
    world.command(BOB, Command::Accept { peer });
    world.settle();
    world.disconnect(BOB);
    world.hosts[BOB].pull_the_plug();
    world.connect(BOB);
    world.settle();
    assert_eq!(world.hosts[BOB].loads, []);
    world.send(ALICE, "bob", "wake one of them");
    world.settle();
    assert_eq!(world.hosts[BOB].loads.len(), 1);
    assert_eq!(world.hosts[BOB].view().len(), 3);
}
