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

use crate::house;

/// More than the window of a socket.
const MESSAGES: u64 = 300;
/// Submissions whose outcome is not known yet, at most.
const IN_FLIGHT: u64 = 30;
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
    let id = convert::id_bytes(&silent.conversation);
    // Marks are written within their interval, and later on a loaded machine.
    let marked = async {
        loop {
            let marks = link.resume().await.marks;
            let mark = marks.iter().find(|mark| mark.conversation_id == id);
            if mark.is_some_and(|mark| mark.sequence == MESSAGES + 1) {
                return;
            }
        }
    };
    timeout(PATIENCE, marked).await.expect("the last mark");
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
