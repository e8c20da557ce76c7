//! Clauses about the one mutation of a conversation's own partition.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use tokio::task::JoinSet;
use xchat_types::{ConversationId, Offset, PartitionId, Stamp};

use super::{Factory, conversation, device, value};
use crate::{
    MessageStore, PortError,
    contract::settle::settled,
    message_store::{Mutation, RowChange, RowKey, Rows},
};

fn change(key: RowKey, value: Option<Bytes>) -> RowChange {
    RowChange {
        key,
        value,
        expires_at: None,
    }
}

/// A mutation of conversation 1 that names its stamp in the head.
fn mutation(stamp: u64, rows: &[(RowKey, Option<&str>)]) -> Mutation {
    let head = change(RowKey::Head, Some(value(&format!("head {stamp}"))));
    let rows = rows.iter().map(|(key, text)| change(*key, text.map(value)));
    Mutation {
        conversation: conversation(1),
        stamp: Stamp(stamp),
        changes: std::iter::once(head).chain(rows).collect(),
    }
}

async fn apply(store: &dyn MessageStore, mutation: &Mutation) {
    settled(|| store.mutate(mutation)).await;
}

async fn read(store: &dyn MessageStore, id: ConversationId, keys: &[RowKey]) -> Rows {
    settled(|| store.read_rows(id, keys)).await
}

pub async fn a_new_conversation_has_neither_head_nor_rows(factory: &impl Factory) {
    let store = factory.create().await;
    let keys = [RowKey::Head, RowKey::Sender(device(1))];
    assert_eq!(read(&*store, conversation(1), &keys).await, Rows::default());
    let members = settled(|| store.read_members(conversation(1))).await;
    assert_eq!(members, Rows::default());
}

pub async fn a_mutation_shows_in_the_head_and_the_rows_asked_for(factory: &impl Factory) {
    let store = factory.create().await;
    let (sender, recent) = (
        RowKey::Sender(device(1)),
        RowKey::Recent(PartitionId(2), Offset(5)),
    );
    let rows = [
        (sender, Some("sender")),
        (RowKey::Member(device(1)), Some("member")),
        (recent, Some("recent")),
    ];
    apply(&*store, &mutation(10, &rows)).await;
    let other = RowKey::Recent(PartitionId(2), Offset(6));
    let found = read(&*store, conversation(1), &[recent, other, sender]).await;
    assert_eq!(found.head, Some((Stamp(10), value("head 10"))));
    let by_key: BTreeMap<_, _> = found.rows.into_iter().collect();
    let expected = [(sender, value("sender")), (recent, value("recent"))];
    assert_eq!(by_key, BTreeMap::from(expected));
}

pub async fn a_mutation_that_leaves_the_head_alone_is_refused(factory: &impl Factory) {
    let store = factory.create().await;
    let headless = Mutation {
        conversation: conversation(1),
        stamp: Stamp(1),
        changes: vec![change(RowKey::Sender(device(1)), Some(value("x")))],
    };
    let answer = store.mutate(&headless).await;
    assert!(matches!(answer, Err(PortError::Conflict(_))), "{answer:?}");
}

pub async fn a_mutation_at_or_below_the_stamp_of_the_head_changes_nothing(factory: &impl Factory) {
    let store = factory.create().await;
    let row = RowKey::Sender(device(1));
    let first = mutation(10, &[(row, Some("first"))]);
    let second = mutation(20, &[(row, Some("second"))]);
    for replay in [&first, &second, &first, &second, &first] {
        apply(&*store, replay).await;
    }
    let found = read(&*store, conversation(1), &[row]).await;
    assert_eq!(found.head, Some((Stamp(20), value("head 20"))));
    assert_eq!(found.rows, [(row, value("second"))]);
}

pub async fn replays_in_any_order_end_in_the_state_of_the_last_writers(factory: &impl Factory) {
    let store = factory.create().await;
    let rows = [1, 2, 3].map(|number| RowKey::Sender(device(number)));
    let history: Vec<Mutation> = (0..12_u64)
        .map(|step| {
            let at = usize::try_from(step % 3).expect("small");
            let text = format!("step {step}");
            mutation(100 + step, &[(rows[at], Some(text.as_str()))])
        })
        .collect();
    // Each mutation is first applied in order, as a worker does; between them come replays of
    // earlier ones, as zombies do.
    for (step, next) in history.iter().enumerate() {
        apply(&*store, next).await;
        for back in [5, 1, 3] {
            if let Some(old) = step.checked_sub(back) {
                apply(&*store, &history[old]).await;
            }
        }
    }
    let found = read(&*store, conversation(1), &rows).await;
    assert_eq!(found.head, Some((Stamp(111), value("head 111"))));
    let values: BTreeMap<_, _> = found.rows.into_iter().collect();
    for (at, row) in rows.iter().enumerate() {
        assert_eq!(values[row], value(&format!("step {}", 9 + at)));
    }
}

pub async fn a_deleted_row_stays_deleted_when_an_older_mutation_is_replayed(
    factory: &impl Factory,
) {
    let store = factory.create().await;
    let row = RowKey::Member(device(4));
    let written = mutation(10, &[(row, Some("there"))]);
    let deleted = mutation(20, &[(row, None)]);
    for step in [&written, &deleted, &written] {
        apply(&*store, step).await;
    }
    assert_eq!(read(&*store, conversation(1), &[row]).await.rows, []);
    let members = settled(|| store.read_members(conversation(1))).await;
    assert_eq!(members.rows, []);
}

pub async fn concurrent_mutations_end_with_the_highest_stamp(factory: &impl Factory) {
    let store = factory.create().await;
    for round in 0..60 {
        let mut tasks = JoinSet::new();
        for stamp in 1..=16 {
            let store = Arc::clone(&store);
            let mut mutation = mutation(stamp, &[]);
            mutation.conversation = conversation(round);
            tasks.spawn(async move { apply(&*store, &mutation).await });
        }
        while let Some(done) = tasks.join_next().await {
            done.expect("a writer");
        }
        let found = read(&*store, conversation(round), &[]).await;
        assert_eq!(found.head, Some((Stamp(16), value("head 16"))));
    }
}

pub async fn members_come_with_the_head_in_device_order(factory: &impl Factory) {
    let store = factory.create().await;
    let rows: Vec<_> = [9, 0, 255, 3]
        .map(|number| (RowKey::Member(device(number)), Some("member")))
        .into();
    apply(&*store, &mutation(1, &rows)).await;
    let others = [
        (RowKey::Sender(device(5)), Some("sender")),
        (RowKey::Recent(PartitionId(0), Offset(1)), Some("recent")),
    ];
    apply(&*store, &mutation(2, &others)).await;
    let found = settled(|| store.read_members(conversation(1))).await;
    assert_eq!(found.head, Some((Stamp(2), value("head 2"))));
    let devices: Vec<RowKey> = found.rows.iter().map(|(key, _)| *key).collect();
    let expected = [0, 3, 9, 255].map(|number| RowKey::Member(device(number)));
    assert_eq!(devices, expected);
}

pub async fn conversations_do_not_mix(factory: &impl Factory) {
    let store = factory.create().await;
    let row = RowKey::Sender(device(1));
    apply(&*store, &mutation(50, &[(row, Some("one"))])).await;
    let mut other = mutation(7, &[(row, Some("two"))]);
    other.conversation = conversation(2);
    apply(&*store, &other).await;
    let found = read(&*store, conversation(2), &[row]).await;
    assert_eq!(found.head, Some((Stamp(7), value("head 7"))));
    assert_eq!(found.rows, [(row, value("two"))]);
    let found = read(&*store, conversation(1), &[row]).await;
    assert_eq!(found.rows, [(row, value("one"))]);
}

pub async fn what_was_synced_is_there_after_reopening(factory: &impl Factory) {
    let mut store = factory.create().await;
    let row = RowKey::Sender(device(1));
    for stamp in [10, 20, 30] {
        let text = stamp.to_string();
        apply(&*store, &mutation(stamp, &[(row, Some(text.as_str()))])).await;
        settled(|| store.sync()).await;
        store = factory.reopen(store).await;
        let found = read(&*store, conversation(1), &[row]).await;
        assert_eq!(found.head.map(|(stamp, _)| stamp), Some(Stamp(stamp)));
        assert_eq!(found.rows, [(row, value(&text))]);
        // The stamp that decides is a stored one.
        apply(&*store, &mutation(stamp - 1, &[(row, Some("old"))])).await;
        let found = read(&*store, conversation(1), &[row]).await;
        assert_eq!(found.rows, [(row, value(&text))]);
    }
}
