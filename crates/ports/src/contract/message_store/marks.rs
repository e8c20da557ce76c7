//! Clauses about marks and cursors.

use xchat_types::Sequence;

use super::{Factory, conversation, device};
use crate::{MessageStore, contract::settle::settled, message_store::Mark};

fn mark(number: u8, sequence: u64) -> Mark {
    Mark {
        device: device(1),
        conversation: conversation(number),
        sequence: Sequence(sequence),
    }
}

async fn write(store: &dyn MessageStore, marks: &[Mark]) {
    settled(|| store.write_marks(marks)).await;
}

async fn acknowledge(store: &dyn MessageStore, number: u8, sequence: u64) {
    settled(|| store.acknowledge(device(1), conversation(number), Sequence(sequence))).await;
}

/// All marks of a device, in pages.
async fn read(store: &dyn MessageStore, owner: u8, limit: usize) -> Vec<Mark> {
    let mut found: Vec<Mark> = Vec::new();
    loop {
        let after = found.last().map(|mark| mark.conversation);
        let page = settled(|| store.read_marks(device(owner), after, limit)).await;
        assert!(page.len() <= limit);
        if page.is_empty() {
            return found;
        }
        found.extend(page);
    }
}

pub async fn a_lower_mark_never_hides_a_higher_one(factory: &impl Factory) {
    let store = factory.create().await;
    for sequence in [3, 9, 4, 9, 1] {
        write(&*store, &[mark(1, sequence)]).await;
    }
    assert_eq!(read(&*store, 1, 10).await, [mark(1, 9)]);
    write(&*store, &[mark(1, 12), mark(1, 11)]).await;
    assert_eq!(read(&*store, 1, 10).await, [mark(1, 12)]);
}

pub async fn acknowledging_keeps_a_higher_mark(factory: &impl Factory) {
    let store = factory.create().await;
    write(&*store, &[mark(1, 5)]).await;
    acknowledge(&*store, 1, 4).await;
    assert_eq!(read(&*store, 1, 10).await, [mark(1, 5)]);
    acknowledge(&*store, 1, 5).await;
    assert_eq!(read(&*store, 1, 10).await, []);
    write(&*store, &[mark(1, 6)]).await;
    assert_eq!(read(&*store, 1, 10).await, [mark(1, 6)]);
}

pub async fn a_deleted_mark_does_not_come_back_with_its_replay(factory: &impl Factory) {
    let store = factory.create().await;
    write(&*store, &[mark(1, 5)]).await;
    // Acknowledged further than it was marked: the worker's note is late.
    acknowledge(&*store, 1, 7).await;
    acknowledge(&*store, 1, 6).await;
    write(&*store, &[mark(1, 5), mark(1, 7)]).await;
    assert_eq!(read(&*store, 1, 10).await, []);
    write(&*store, &[mark(1, 8)]).await;
    assert_eq!(read(&*store, 1, 10).await, [mark(1, 8)]);
}

pub async fn marks_page_in_conversation_order(factory: &impl Factory) {
    let store = factory.create().await;
    let all = [mark(0, 9), mark(2, 1), mark(30, 4), mark(255, 2)];
    let mut written = all;
    written.reverse();
    write(&*store, &written).await;
    write(&*store, &[mark(7, 3)]).await;
    acknowledge(&*store, 7, 3).await;
    for limit in [1, 2, 3, 100] {
        assert_eq!(read(&*store, 1, limit).await, all);
    }
    assert_eq!(read(&*store, 2, 10).await, []);
}

pub async fn a_cursor_only_grows(factory: &impl Factory) {
    let store = factory.create().await;
    let read = || settled(|| store.read_cursor(device(1), conversation(1)));
    assert_eq!(read().await, None);
    for (written, expected) in [(4, 4), (2, 4), (4, 4), (9, 9), (8, 9)] {
        acknowledge(&*store, 1, written).await;
        assert_eq!(read().await, Some(Sequence(expected)));
    }
    let other = settled(|| store.read_cursor(device(2), conversation(1))).await;
    assert_eq!(other, None);
}
