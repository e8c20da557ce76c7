//! Clauses about rows that are written once.

use bytes::Bytes;
use xchat_types::{Epoch, Incarnation, Millis, Sequence, Stamp, WelcomeRef};

use super::{FAR, Factory, conversation, device, value};
use crate::{
    MessageStore,
    contract::settle::settled,
    message_store::{OnceRow, PayloadClass, StoredEnvelope},
};

fn envelope(sequence: u64) -> OnceRow {
    OnceRow::Envelope {
        conversation: conversation(1),
        sequence: Sequence(sequence),
        value: value(&format!("header {sequence}")),
        expires_at: FAR,
    }
}

fn payload(sequence: u64, class: PayloadClass, expires_at: Millis) -> OnceRow {
    OnceRow::Payload {
        conversation: conversation(1),
        sequence: Sequence(sequence),
        class,
        value: value(&format!("payload {sequence}")),
        expires_at,
    }
}

fn stored(sequence: u64, payload: bool) -> StoredEnvelope {
    StoredEnvelope {
        sequence: Sequence(sequence),
        value: value(&format!("header {sequence}")),
        payload: payload.then(|| value(&format!("payload {sequence}"))),
    }
}

fn group_state(incarnation: u32, epoch: u64) -> OnceRow {
    OnceRow::GroupState {
        conversation: conversation(1),
        incarnation: Incarnation(incarnation),
        epoch: Epoch(epoch),
        value: value(&format!("state {incarnation}/{epoch}")),
    }
}

async fn write(store: &dyn MessageStore, rows: &[OnceRow]) {
    settled(|| store.write_once(rows)).await;
}

/// Pages through `after < sequence ≤ through` with the limit.
async fn pages(
    store: &dyn MessageStore,
    after: u64,
    through: u64,
    limit: usize,
) -> Vec<StoredEnvelope> {
    let (mut after, through) = (Sequence(after), Sequence(through));
    let mut found = Vec::new();
    loop {
        let page = settled(|| store.read_envelopes(conversation(1), after, through, limit)).await;
        assert!(page.len() <= limit);
        let Some(last) = page.last() else {
            return found;
        };
        after = last.sequence;
        found.extend(page);
    }
}

pub async fn rows_written_once_read_back_and_a_repetition_changes_nothing(factory: &impl Factory) {
    let store = factory.create().await;
    let rows = [
        envelope(1),
        payload(1, PayloadClass::Month, FAR),
        group_state(0, 0),
    ];
    for _ in 0..3 {
        write(&*store, &rows).await;
        assert_eq!(pages(&*store, 0, 10, 100).await, [stored(1, true)]);
    }
}

pub async fn envelopes_page_in_order_with_the_payload_of_each_class(factory: &impl Factory) {
    let store = factory.create().await;
    let classes = [PayloadClass::Hour, PayloadClass::Day, PayloadClass::Month];
    for sequence in [3, 1, 2, 300, 257, 256, 1_500] {
        let class = classes[usize::try_from(sequence % 3).expect("small")];
        write(
            &*store,
            &[payload(sequence, class, FAR), envelope(sequence)],
        )
        .await;
    }
    write(&*store, &[envelope(4)]).await;
    let all = [
        stored(1, true),
        stored(2, true),
        stored(3, true),
        stored(4, false),
        stored(256, true),
        stored(257, true),
        stored(300, true),
        stored(1_500, true),
    ];
    for limit in [1, 2, 3, 100] {
        assert_eq!(pages(&*store, 0, u64::MAX, limit).await, all);
    }
    assert_eq!(pages(&*store, 1, 256, 100).await, all[1..5]);
    assert_eq!(pages(&*store, 4, 4, 100).await, []);
    assert_eq!(pages(&*store, 5, 4, 100).await, []);
    let other =
        settled(|| store.read_envelopes(conversation(2), Sequence(0), Sequence(u64::MAX), 10))
            .await;
    assert_eq!(other, []);
}

pub async fn envelopes_with_holes_are_read_around_the_holes(factory: &impl Factory) {
    let store = factory.create().await;
    for sequence in [1, 2, 7, 8, 20] {
        write(&*store, &[envelope(sequence)]).await;
    }
    // A payload whose header is not there is not an envelope.
    write(&*store, &[payload(9, PayloadClass::Month, FAR)]).await;
    let found = pages(&*store, 1, 19, 2).await;
    assert_eq!(
        found,
        [stored(2, false), stored(7, false), stored(8, false)]
    );
}

pub async fn a_row_that_has_expired_already_is_not_written(factory: &impl Factory) {
    let store = factory.create().await;
    let long_ago = Millis(1);
    let welcome = OnceRow::Welcome {
        device: device(1),
        reference: WelcomeRef::new([1; 32]),
        value: value("welcome"),
        expires_at: long_ago,
    };
    let rows = [
        envelope(1),
        payload(1, PayloadClass::Hour, long_ago),
        payload(2, PayloadClass::Month, long_ago),
        envelope(2),
        welcome,
    ];
    write(&*store, &rows).await;
    let headers = [stored(1, false), stored(2, false)];
    assert_eq!(pages(&*store, 0, 10, 100).await, headers);
    assert_eq!(settled(|| store.read_welcomes(device(1))).await, []);
}

pub async fn group_states_are_read_by_range_of_one_incarnation(factory: &impl Factory) {
    let store = factory.create().await;
    for (incarnation, epoch) in [(0, 0), (0, 1), (0, 2), (0, 256), (1, 0), (1, 1)] {
        write(&*store, &[group_state(incarnation, epoch)]).await;
    }
    let read = |incarnation: u32, from: u64, through: u64| {
        let store = &store;
        settled(move || {
            store.read_group_states(
                conversation(1),
                Incarnation(incarnation),
                Epoch(from),
                Epoch(through),
            )
        })
    };
    let state = |incarnation: u32, epoch: u64| -> (Epoch, Bytes) {
        (Epoch(epoch), value(&format!("state {incarnation}/{epoch}")))
    };
    assert_eq!(
        read(0, 1, 256).await,
        [state(0, 1), state(0, 2), state(0, 256)]
    );
    assert_eq!(read(0, 0, 0).await, [state(0, 0)]);
    assert_eq!(read(1, 0, u64::MAX).await, [state(1, 0), state(1, 1)]);
    assert_eq!(read(2, 0, u64::MAX).await, []);
    assert_eq!(read(0, 2, 1).await, []);
}

pub async fn a_deleted_group_state_stays_deleted_when_its_write_is_replayed(
    factory: &impl Factory,
) {
    let store = factory.create().await;
    let rows: Vec<OnceRow> = (0..6).map(|epoch| group_state(0, epoch)).collect();
    write(&*store, &rows).await;
    write(&*store, &[group_state(1, 0)]).await;
    settled(|| {
        store.delete_group_states(conversation(1), Incarnation(0), Epoch(4), Stamp(1_000_000))
    })
    .await;
    write(&*store, &rows).await;
    let epochs = |incarnation| {
        let store = &store;
        async move {
            let (from, through) = (Epoch(0), Epoch(u64::MAX));
            settled(|| store.read_group_states(conversation(1), incarnation, from, through))
                .await
                .into_iter()
                .map(|(epoch, _)| epoch.0)
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(epochs(Incarnation(0)).await, [4, 5]);
    assert_eq!(epochs(Incarnation(1)).await, [0]);
}

pub async fn welcomes_are_read_by_device_and_deleted_one_by_one(factory: &impl Factory) {
    let store = factory.create().await;
    let welcome = |owner: u8, number: u8| OnceRow::Welcome {
        device: device(owner),
        reference: WelcomeRef::new([number; 32]),
        value: value(&format!("welcome {number}")),
        expires_at: FAR,
    };
    let rows = [welcome(1, 1), welcome(1, 2), welcome(2, 3)];
    write(&*store, &rows).await;
    let references = |owner: u8| {
        let store = &store;
        async move {
            settled(|| store.read_welcomes(device(owner)))
                .await
                .into_iter()
                .map(|(reference, _)| reference.as_bytes()[0])
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(references(1).await, [1, 2]);
    settled(|| store.delete_welcome(device(1), WelcomeRef::new([1; 32]))).await;
    settled(|| store.delete_welcome(device(1), WelcomeRef::new([3; 32]))).await;
    assert_eq!(references(1).await, [2]);
    assert_eq!(references(2).await, [3]);
}
