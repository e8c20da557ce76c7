//! Two people who have no phone number talk, in one process and in four.

use xchat_integration_tests::{Person, Shape};
use xchat_sdk::{Event, NotSent};

use crate::house;

async fn two_people_talk(shape: Shape) {
    let house = house(shape);
    let mut alice = Person::register(&house.server(), "alice").await;
    let mut bob = Person::register(&house.server(), "bob").await;

    let hello = alice.send_to_name("bob", "hello").await;
    alice.sent(hello).await;
    bob.received("hello").await;
    let held = alice.send(&bob, "are you there?").await;
    alice
        .expect("a text held while the request is open", |event| {
            matches!(event, Event::Queued { ticket, held: Some(_), .. } if *ticket == held)
                .then_some(())
        })
        .await;

    bob.accept(&alice).await;
    alice.sent(held).await;
    bob.received("are you there?").await;
    let answer = bob.send(&alice, "here").await;
    bob.sent(answer).await;
    alice.received("here").await;

    let transcript = alice.transcript(&bob).await;
    assert_eq!(transcript, bob.transcript(&alice).await);
    let texts: Vec<&str> = transcript
        .iter()
        .map(|(_, _, text)| text.as_str())
        .collect();
    assert_eq!(texts, ["hello", "are you there?", "here"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_talk_through_one_process() {
    two_people_talk(Shape::OneProcess).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_talk_through_four_processes() {
    two_people_talk(Shape::FourProcesses).await;
}

async fn requests_that_cross(shape: Shape) {
    let house = house(shape);
    let mut alice = Person::register(&house.server(), "alice").await;
    let mut bob = Person::register(&house.server(), "bob").await;
    let (from_alice, from_bob) =
        tokio::join!(alice.send(&bob, "alice asks"), bob.send(&alice, "bob asks"));
    alice.sent(from_alice).await;
    bob.sent(from_bob).await;
    alice.received("bob asks").await;
    bob.received("alice asks").await;
    let more = alice.send(&bob, "and on it goes").await;
    alice.sent(more).await;
    bob.received("and on it goes").await;
    assert_eq!(alice.transcript(&bob).await, bob.transcript(&alice).await);
    assert_eq!(alice.history(&bob).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_cross_are_consent_and_nothing_is_sent_twice() {
    requests_that_cross(Shape::OneProcess).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_cross_are_consent_between_four_processes_too() {
    requests_that_cross(Shape::FourProcesses).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_nobody_has_is_told_and_not_sent() {
    let house = house(Shape::OneProcess);
    let mut alice = Person::register(&house.server(), "alice").await;
    let ticket = alice.send_to_name("nobody", "hello?").await;
    let reason = alice
        .expect("the text's end", |event| match event {
            Event::NotSent {
                ticket: told,
                reason,
                ..
            } if *told == ticket => Some(*reason),
            _ => None,
        })
        .await;
    assert_eq!(reason, NotSent::UsernameUnknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_while_the_server_is_away_arrives_once_it_is_back() {
    let mut house = house(Shape::OneProcess);
    let mut alice = Person::register(&house.server(), "alice").await;
    let mut bob = Person::register(&house.server(), "bob").await;
    let hello = alice.send(&bob, "hello").await;
    alice.sent(hello).await;
    bob.accept(&alice).await;

    house.stop();
    let ticket = alice.send(&bob, "into the dark").await;
    alice.abort().await;
    house.start_again();
    alice.open().await;
    alice.sent(ticket).await;
    bob.received("into the dark").await;
    assert_eq!(bob.history(&alice).await.len(), 2);
}
