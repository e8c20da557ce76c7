//! A profile that was copied, or put back from a backup, and is used beside the first one. Nothing is
//! lost without a word: what comes in comes to both, and whoever can't go on is told so.

use xchat_integration_tests::{House, Person, Shape};
use xchat_sdk::{Event, SecurityEvent, Suspension, Warning};

use crate::house;

/// Alice and Bob who talk, and a copy of Bob's profile. Both of Bob's are closed.
async fn two_bobs(house: &House) -> (Person, Person, Person) {
    let mut alice = Person::register(&house.server(), "alice").await;
    let mut bob = Person::register(&house.server(), "bob").await;
    let hello = alice.send(&bob, "hello").await;
    alice.sent(hello).await;
    bob.received("hello").await;
    bob.accept(&alice).await;
    bob.settled().await;
    bob.close().await;
    let copy = bob.copy();
    (alice, bob, copy)
}

async fn conflict(person: &mut Person) {
    let told = person.expect("a conflict", |event| match event {
        Event::Suspended { why, .. } => Some(*why),
        _ => None,
    });
    assert_eq!(told.await, Suspension::CounterConflict);
}

#[tokio::test]
async fn what_comes_in_comes_to_both_copies_whichever_has_acknowledged_it() {
    let house = house(Shape::OneProcess);
    let (mut alice, mut bob, mut copy) = two_bobs(&house).await;
    for round in 0..2 {
        let text = format!("round {round}");
        bob.heard.clear();
        bob.open().await;
        let ticket = alice.send(&bob, &text).await;
        alice.sent(ticket).await;
        bob.received(&text).await;
        bob.settled().await;
        bob.close().await;
        // Nothing is marked as new any more.
        copy.open().await;
        copy.received(&text).await;
        copy.close().await;
        std::mem::swap(&mut bob, &mut copy);
    }
}

#[tokio::test]
async fn a_copy_beside_one_that_has_sent_is_told_at_once_and_sends_nothing() {
    let house = house(Shape::OneProcess);
    let (mut alice, mut bob, mut copy) = two_bobs(&house).await;
    bob.open().await;
    let ticket = bob.send(&alice, "from the first").await;
    bob.sent(ticket).await;
    bob.close().await;
    copy.open().await;
    conflict(&mut copy).await;
    copy.send(&alice, "from the copy").await;
    copy.close().await;
    // The first goes on as if there were no other.
    bob.open().await;
    let ticket = bob.send(&alice, "from the first again").await;
    bob.sent(ticket).await;
    alice.received("from the first again").await;
    let history = alice.history(&bob).await;
    let texts: Vec<_> = history
        .iter()
        .filter_map(|message| message.row.text())
        .collect();
    assert_eq!(texts, ["hello", "from the first", "from the first again"]);
}

#[tokio::test]
async fn two_copies_that_both_wrote_before_they_connect_lose_nothing_without_a_word() {
    let house = house(Shape::OneProcess);
    let (mut alice, mut bob, mut copy) = two_bobs(&house).await;
    bob.open().await;
    let ticket = bob.send(&alice, "first").await;
    bob.sent(ticket).await;
    bob.abort().await;
    copy.open().await;
    copy.send(&alice, "second").await;
    conflict(&mut copy).await;
    alice.received("first").await;
    // What the copy could not send is there to be seen.
    let waiting = copy.client().outbox().await.expect("an open client");
    let texts: Vec<&str> = waiting.iter().map(|text| text.text.as_str()).collect();
    assert_eq!(texts, ["second"]);
}

#[tokio::test]
async fn a_request_that_one_copy_has_taken_is_told_of_by_the_other() {
    let house = house(Shape::OneProcess);
    let mut alice = Person::register(&house.server(), "alice").await;
    let mut bob = Person::register(&house.server(), "bob").await;
    bob.close().await;
    let mut copy = bob.copy();
    bob.open().await;
    let ticket = alice.send(&bob, "hello").await;
    alice.sent(ticket).await;
    bob.received("hello").await;
    bob.accept(&alice).await;
    bob.settled().await;
    bob.close().await;
    copy.open().await;
    copy.settled().await;
    let ticket = alice.send(&bob, "are you there?").await;
    alice.sent(ticket).await;
    copy.expect("an unknown conversation", |event| {
        matches!(
            event,
            Event::Security {
                event: SecurityEvent::UnknownConversation,
                ..
            }
        )
        .then_some(())
    })
    .await;
    // The one that took it still has it all.
    copy.close().await;
    bob.open().await;
    bob.received("are you there?").await;
}

#[tokio::test]
async fn of_two_copies_at_once_the_earlier_is_told_that_it_was_replaced() {
    let house = house(Shape::OneProcess);
    let (_alice, mut bob, mut copy) = two_bobs(&house).await;
    bob.open().await;
    bob.settled().await;
    copy.open().await;
    bob.expect("a replacement", |event| {
        matches!(event, Event::Warning(Warning::Replaced)).then_some(())
    })
    .await;
    copy.settled().await;
}
