//! Welcomes, and what a server says when a device joins by one.

use std::{cell::RefCell, rc::Rc};

use xchat_core::SecurityEvent;
use xchat_proto::{
    client::{self, server_frame::Body},
    convert,
};

use super::security;
use crate::world::{ALICE, BOB, World};

/// What the server says when Bob joins, changed.
pub(super) fn join_under(change: impl FnMut(&mut Body) + 'static) -> World {
    let mut world = World::two();
    world.clear_events();
    let change = Rc::new(RefCell::new(change));
    world.tamper = Some(Box::new(move |name, frame| {
        if let ("bob", Some(body)) = (name, &mut frame.body) {
            change.borrow_mut()(body);
        }
    }));
    world.send(ALICE, "bob", "hello");
    world.settle();
    world
}

fn welcome_of(body: &mut Body) -> Option<&mut client::Welcome> {
    match body {
        Body::WelcomePush(push) => push.welcome.as_mut(),
        Body::Resume(resume) => resume.welcomes.first_mut(),
        _ => None,
    }
}

#[test]
fn a_welcome_that_does_not_hold_is_given_up_and_said() {
    let lies: [fn(&mut Body); 7] = [
        |body| welcome_of(body).map_or((), |w| w.head_hash = vec![1; 32].into()),
        |body| welcome_of(body).map_or((), |w| w.sequence += 1),
        |body| welcome_of(body).map_or((), |w| w.conversation_id = vec![1; 32].into()),
        |body| welcome_of(body).map_or((), |w| w.welcome = vec![1; 400].into()),
        |body| welcome_of(body).map_or((), |w| w.head_hash = vec![1].into()),
        |body| {
            if let Body::FetchTree(tree) = body {
                tree.link.as_mut().unwrap().appended_at_ms += 1;
            }
        },
        |body| {
            if let Body::FetchTree(tree) = body {
                tree.ratchet_tree = vec![0; 40].into();
            }
        },
    ];
    for (number, lie) in lies.into_iter().enumerate() {
        let mut world = join_under(move |body| {
            // A tree is asked for under the id that the welcome named.
            lie(body);
        });
        assert_eq!(
            security(&world, BOB),
            [SecurityEvent::Welcome],
            "lie {number}"
        );
        assert!(
            world.hosts[BOB].engine().conversations().is_empty(),
            "lie {number}"
        );
        let left = world
            .relay
            .welcomes
            .values()
            .map(std::collections::BTreeMap::len);
        assert_eq!(left.sum::<usize>(), 0, "lie {number}: given up");
        // Others can still reach Bob.
        world.tamper = None;
        assert!(
            world
                .relay
                .directory
                .stock(&world.hosts[BOB].device.unwrap())
                > 0
        );
    }
}

#[test]
fn a_welcome_for_somebody_else_opens_nothing() {
    let mut world = World::of(&["alice", "bob", "carol"], &crate::world::settings());
    world.send(ALICE, "bob", "for bob");
    world.drain();
    world.clear_events();
    // The server hands Carol what was made for Bob.
    let id = *world.relay.logs.keys().next().unwrap();
    let tree = world.relay.logs[&id].tree(1);
    let seen: Rc<RefCell<Option<client::Welcome>>> = Rc::default();
    let copy = Rc::clone(&seen);
    world.tamper = Some(Box::new(move |_, frame| {
        if let Some(body) = &mut frame.body
            && let Some(welcome) = welcome_of(body)
        {
            *copy.borrow_mut() = Some(welcome.clone());
        }
    }));
    let mut again = World::of(&["alice", "bob"], &crate::world::settings());
    std::mem::swap(&mut again.tamper, &mut world.tamper);
    again.send(ALICE, "bob", "for bob");
    again.settle();
    let welcome = seen.borrow().clone();
    assert!(tree.link.is_some());
    let welcome = client::Welcome {
        conversation_id: convert::id_bytes(&id),
        ..welcome.unwrap()
    };
    world.inject(
        2,
        Body::WelcomePush(client::WelcomePush {
            welcome: Some(welcome),
        }),
    );
    world.settle();
    assert_eq!(security(&world, 2), [SecurityEvent::Welcome]);
    assert!(world.hosts[2].engine().conversations().is_empty());
}

#[test]
fn a_repeated_welcome_is_acknowledged_and_ignored() {
    let mut world = World::two();
    let seen: Rc<RefCell<Option<client::Welcome>>> = Rc::default();
    let copy = Rc::clone(&seen);
    world.tamper = Some(Box::new(move |_, frame| {
        if let Some(welcome) = frame.body.as_mut().and_then(welcome_of) {
            *copy.borrow_mut() = Some(welcome.clone());
        }
    }));
    world.befriend();
    world.tamper = None;
    world.clear_events();
    let bob = world.hosts[BOB].device.unwrap();
    let acks = world.relay.count(bob, "ack_welcome");
    let welcome = seen.borrow().clone();
    assert!(welcome.is_some());
    world.inject(BOB, Body::WelcomePush(client::WelcomePush { welcome }));
    world.settle();
    assert_eq!(world.relay.count(bob, "ack_welcome"), acks + 1);
    assert_eq!(security(&world, BOB), []);
    world.send(ALICE, "bob", "still here");
    world.settle();
    assert_eq!(world.hosts[BOB].view(), ["may I?", "still here"]);
}
