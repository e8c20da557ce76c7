//! A thousand messages each way, with both sides and the server restarted in between.

use std::time::Duration;

use tokio::time::timeout;
use xchat_integration_tests::{
    House, Person, Shape,
    raw::{Device, Link, Room},
};
use xchat_proto::client::{client_frame::Body as Ask, server_frame::Body as Tell};

use crate::{SERVER, house, house_with};

async fn friends(house: &House) -> (Person, Person) {
    let mut alice = Person::register(&house.server(), "alice").await;
    let mut bob = Person::register(&house.server(), "bob").await;
    let hello = alice.send(&bob, "hello").await;
    alice.sent(hello).await;
    bob.received("hello").await;
    bob.accept(&alice).await;
    (alice, bob)
}

/// Sends both ways at once and waits for every outcome.
async fn exchange(alice: &mut Person, bob: &mut Person, round: usize, messages: usize) {
    let mut tickets = Vec::new();
    for n in 0..messages {
        let (from_alice, from_bob) = (format!("a{round}-{n}"), format!("b{round}-{n}"));
        let (a, b) = tokio::join!(alice.send(bob, &from_alice), bob.send(alice, &from_bob));
        tickets.push((a, b));
    }
    for (a, b) in tickets {
        alice.sent(a).await;
        bob.sent(b).await;
    }
}

async fn a_thousand_each_way(shape: Shape) {
    let mut house = house(shape);
    let (mut alice, mut bob) = friends(&house).await;
    for round in 0..4 {
        exchange(&mut alice, &mut bob, round, 250).await;
        match round {
            0 => {
                alice.abort().await;
                bob.close().await;
                alice.open().await;
                bob.open().await;
            }
            1 => {
                house.kill();
                house.start_again();
            }
            _ => {
                house.stop();
                alice.abort().await;
                house.start_again();
                alice.open().await;
            }
        }
    }
    for n in [0, 249] {
        alice.has(&bob, &format!("b3-{n}")).await;
        bob.has(&alice, &format!("a3-{n}")).await;
    }
    let transcript = alice.transcript(&bob).await;
    assert_eq!(transcript, bob.transcript(&alice).await, "equal histories");
    assert_eq!(transcript.len(), 2_001, "hello, and a thousand each way");
    for (person, mark) in [(&alice, "a"), (&bob, "b")] {
        let own: Vec<&String> = transcript
            .iter()
            .filter(|(_, sender, text)| *sender == person.account && text != "hello")
            .map(|(_, _, text)| text)
            .collect();
        let expected: Vec<String> = (0..4)
            .flat_map(|round| (0..250).map(move |n| format!("{mark}{round}-{n}")))
            .collect();
        assert!(
            own.into_iter().eq(&expected),
            "each side's texts are in their order, once"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_messages_each_way_survive_restarts_of_everything() {
    a_thousand_each_way(Shape::OneProcess).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_messages_each_way_survive_restarts_of_four_processes() {
    a_thousand_each_way(Shape::FourProcesses).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_and_killed_clients_lose_and_double_nothing_in_flight() {
    let mut house = House::start(SERVER, Shape::OneProcess);
    let (mut alice, mut bob) = friends(&house).await;
    let mut tickets = Vec::new();
    for round in 0..5 {
        for n in 0..40 {
            tickets.push(alice.send(&bob, &format!("{round}-{n}")).await);
        }
        // In the middle of it: submissions are on the wire, in the log, folded or pushed.
        house.kill();
        if round % 2 == 0 {
            alice.abort().await;
            bob.abort().await;
            alice.open().await;
            bob.open().await;
        }
        house.start_again();
    }
    for ticket in tickets {
        // After an abort the event of an earlier outcome may be gone; the history decides.
        if !alice
            .history(&bob)
            .await
            .iter()
            .any(|message| message.row.ticket == Some(ticket))
        {
            alice.sent(ticket).await;
        }
    }
    if !bob
        .history(&alice)
        .await
        .iter()
        .any(|m| m.row.text().as_deref() == Some("4-39"))
    {
        bob.received("4-39").await;
    }
    let transcript = alice.transcript(&bob).await;
    assert_eq!(transcript, bob.transcript(&alice).await);
    let texts: Vec<String> = transcript
        .into_iter()
        .skip(1)
        .map(|(_, _, text)| text)
        .collect();
    let expected: Vec<String> = (0..5)
        .flat_map(|round| (0..40).map(move |n| format!("{round}-{n}")))
        .collect();
    assert_eq!(texts, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_presence_has_forgotten_every_route_who_is_connected_hears_of_what_is_new() {
    let mut house = house_with(Shape::FourProcesses, &[("gateway__lease", "24s")]);
    let (alice, mut bob) = friends(&house).await;
    // The first may come by the look that a device takes a second after it was asked into a
    // conversation.
    for text in ["is anybody there?", "and now?"] {
        house.kill_one("presence");
        house.start_one("presence");
        alice.send(&bob, text).await;
        bob.received(text).await;
    }
}

/// Its route could not be set, and leases are refreshed every 20 minutes here.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_connects_while_presence_is_away_hears_of_what_is_new_soon_after() {
    let mut house = house_with(Shape::FourProcesses, &[("gateway__lease", "1h")]);
    let (device, writer) = (Device::new(), Device::new());
    let link = Link::open(house.public(), &device, true).await;
    let mut reader = [(device, link)];
    let mut link = Link::open(house.public(), &writer, true).await;
    let mut room = Room::of(&writer, &mut link, &mut reader).await;
    house.kill_one("presence");
    let [(device, before)] = reader;
    drop(before);
    let mut reader = Link::open(house.public(), &device, false).await;
    house.start_one("presence");
    let envelope = room.envelope(&writer, b"are you back?");
    link.ask(Ask::Submit(envelope)).await;
    let told = reader.pushed(|push| match push {
        Tell::ResyncPush(_) | Tell::DeliverPush(_) => Some(()),
        _ => None,
    });
    let told = timeout(Duration::from_secs(30), told).await;
    told.expect("it is pushed, or told to resync");
}
