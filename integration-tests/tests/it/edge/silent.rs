//! A device that applies one conversation and has stopped applying another.

use std::time::Duration;

use tokio::time::timeout;
use xchat_integration_tests::{
    Shape,
    raw::{Device, Link, Room},
};
use xchat_proto::{
    client::{
        AckRequest, DeliverPush, PullRequest, PullResponse, client_frame::Body as Ask,
        server_frame::Body as Tell,
    },
    convert,
};
use xchat_types::ConversationId;

use crate::{house, house_with};

/// More than the window of a socket.
const MESSAGES: u64 = 300;
/// Submissions whose outcome is not known yet, at most.
const IN_FLIGHT: u64 = 30;
/// Longer than the marks of these tests take.
const PATIENCE: Duration = Duration::from_secs(30);

async fn acknowledge(link: &mut Link, conversation: ConversationId, sequence: u64) {
    let ack = AckRequest {
        conversation_id: convert::id_bytes(&conversation),
        sequence,
    };
    link.ask(Ask::Ack(ack)).await;
}

async fn pull(link: &mut Link, conversation: ConversationId, after_sequence: u64) -> PullResponse {
    let pull = PullRequest {
        conversation_id: convert::id_bytes(&conversation),
        after_sequence,
        limit: 0,
    };
    let Tell::Pull(pulled) = link.ask(Ask::Pull(pull)).await else {
        panic!("no records");
    };
    pulled
}

/// Sequences of the records that a push brings of a conversation.
fn sequences(push: &DeliverPush, of: ConversationId) -> Vec<u64> {
    let id = convert::id_bytes(&of);
    push.records
        .iter()
        .filter(|record| {
            let header = record.header.as_ref();
            header.is_some_and(|header| header.conversation_id == id)
        })
        .map(|record| record.sequence)
        .collect()
}

/// Waits for a record to be pushed, and returns how many of the other conversation came before.
async fn pushed(
    link: &mut Link,
    of: ConversationId,
    sequence: u64,
    other: ConversationId,
) -> usize {
    let mut others = 0;
    link.pushed(|push| {
        let Tell::DeliverPush(push) = push else {
            return None;
        };
        others += sequences(&push, other).len();
        sequences(&push, of).contains(&sequence).then_some(())
    })
    .await;
    others
}

/// Resumes as often as it is told to, and acknowledges what is pushed again, as a device does, until
/// a mark tells how far the conversation is, or a push that there is more: then it pulls.
async fn resumed(link: &mut Link, conversation: ConversationId, cursor: u64, sequence: u64) {
    let told = told_of(link, conversation, cursor, sequence);
    let told = timeout(PATIENCE, told).await;
    told.expect("what was dropped is marked or pushed again");
}

async fn told_of(link: &mut Link, conversation: ConversationId, cursor: u64, sequence: u64) {
    let id = convert::id_bytes(&conversation);
    loop {
        let marks = link.resume().await.marks;
        let mut marks = marks.iter().filter(|mark| mark.conversation_id == id);
        if marks.any(|mark| mark.sequence == sequence) {
            return;
        }
        // No second time by itself.
        loop {
            let push = link.pushed(Some).await;
            let of = match &push {
                Tell::DeliverPush(push) => sequences(push, conversation),
                Tell::ResyncPush(_) => break,
                _ => continue,
            };
            if of.iter().any(|pushed| *pushed > cursor) {
                return;
            }
            acknowledge(link, conversation, cursor).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_resumes_before_the_marks_are_written_is_pushed_what_it_missed() {
    // Far longer than what follows takes.
    let house = house_with(Shape::OneProcess, &[("fanout__mark_interval", "10s")]);
    let device = Device::new();
    let mut link = Link::open(house.public(), &device, true).await;
    let mut room = Room::found(&device, &mut link).await;
    for _ in 0..MESSAGES / IN_FLIGHT {
        for _ in 0..IN_FLIGHT {
            let envelope = room.envelope(&device, b"pushed once, and dropped");
            link.send(Ask::Submit(envelope)).await;
        }
        let sent = room.counter.0;
        while pull(&mut link, room.conversation, 0).await.head_sequence < sent {}
    }
    acknowledge(&mut link, room.conversation, 64).await;
    link.pushed(|push| matches!(push, Tell::ResyncPush(_)).then_some(()))
        .await;
    let id = convert::id_bytes(&room.conversation);
    let marks = link.resume().await.marks;
    let mut marks = marks.iter().filter(|mark| mark.conversation_id == id);
    assert!(
        marks.all(|mark| mark.sequence <= MESSAGES),
        "the last mark was written before the device resumed"
    );
    resumed(&mut link, room.conversation, 64, MESSAGES + 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_is_not_acknowledged_costs_the_others_nothing_and_comes_back() {
    let house = house(Shape::OneProcess);
    let device = Device::new();
    let mut link = Link::open(house.public(), &device, true).await;
    let mut live = Room::found(&device, &mut link).await;
    let mut silent = Room::found(&device, &mut link).await;
    acknowledge(&mut link, live.conversation, 1).await;
    for _ in 0..MESSAGES / IN_FLIGHT {
        for _ in 0..IN_FLIGHT {
            let envelope = silent.envelope(&device, b"nobody applies this");
            link.send(Ask::Submit(envelope)).await;
        }
        // In the log, and folded: the next ones are within the window of counters.
        let sent = silent.counter.0;
        while pull(&mut link, silent.conversation, 0).await.head_sequence < sent {}
    }
    let mut of_silent = 0;
    for sequence in 2..=20 {
        let envelope = live.envelope(&device, b"this is applied");
        link.ask(Ask::Submit(envelope)).await;
        let silent = silent.conversation;
        of_silent += pushed(&mut link, live.conversation, sequence, silent).await;
        acknowledge(&mut link, live.conversation, sequence).await;
    }
    // The genesis was pushed while its room was made.
    assert_eq!(of_silent + 1, 64, "a quarter of the window");

    // The device applies it again: it is told that it has missed something, and what.
    acknowledge(&mut link, silent.conversation, 64).await;
    link.pushed(|push| matches!(push, Tell::ResyncPush(_)).then_some(()))
        .await;
    resumed(&mut link, silent.conversation, 64, MESSAGES + 1).await;
    let mut cursor = 64;
    while cursor < MESSAGES + 1 {
        let pulled = pull(&mut link, silent.conversation, cursor).await;
        for record in pulled.records {
            cursor += 1;
            assert_eq!(record.sequence, cursor);
        }
    }
    acknowledge(&mut link, silent.conversation, cursor).await;
    let envelope = silent.envelope(&device, b"applied again");
    link.ask(Ask::Submit(envelope)).await;
    pushed(
        &mut link,
        silent.conversation,
        MESSAGES + 2,
        live.conversation,
    )
    .await;
}
