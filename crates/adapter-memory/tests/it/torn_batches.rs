//! What makes this store nastier than an engine, shown to happen.

use std::sync::Arc;

use bytes::Bytes;
use xchat_adapter_memory::{Faults, ManualClock, MemoryMessageStore};
use xchat_ports::{
    MessageStore,
    message_store::{Mutation, OnceRow, RowChange, RowKey},
};
use xchat_types::{ConversationId, DeviceId, Millis, Sequence, Stamp};

const CONVERSATION: ConversationId = ConversationId::new([1; 32]);
const SENDER: RowKey = RowKey::Sender(DeviceId::new([1; 16]));

fn mutation(stamp: u64) -> Mutation {
    let change = |key| RowChange {
        key,
        value: Some(Bytes::from(stamp.to_string())),
        expires_at: None,
    };
    Mutation {
        conversation: CONVERSATION,
        stamp: Stamp(stamp),
        changes: vec![change(RowKey::Head), change(SENDER)],
    }
}

/// Two replicas of three, chosen by the seed; otherwise healthy.
fn narrow(seed: u64) -> Faults {
    Faults {
        seed,
        narrow_quorum: true,
        ..Faults::none()
    }
}

/// Mutation 2 lies on one replica; a read of the head alone follows, then a read of both rows.
/// Returns the stamps seen: of the head at first, of the head and of the row at last.
async fn narrow_read_after_a_torn_batch(seed: u64, redo: bool) -> (u64, u64, u64) {
    let store = MemoryMessageStore::with_faults(Arc::new(ManualClock::default()), narrow(seed));
    store.mutate_on(0b111, &mutation(1));
    store.mutate_on(0b001, &mutation(2));
    let first = store.read_rows(CONVERSATION, &[]).await.unwrap();
    let first = first.head.unwrap().0.0;
    if redo && first == 2 {
        store.mutate(&mutation(2)).await.unwrap();
    }
    let rows = store.read_rows(CONVERSATION, &[SENDER]).await.unwrap();
    let row: u64 = str::from_utf8(&rows.rows[0].1).unwrap().parse().unwrap();
    (first, rows.head.unwrap().0.0, row)
}

#[tokio::test]
async fn a_narrow_read_heals_the_head_and_leaves_the_other_row_torn() {
    let mut torn = 0;
    for seed in 0..100 {
        let (first, head, row) = narrow_read_after_a_torn_batch(seed, false).await;
        torn += u32::from(first == 2 && head == 2 && row == 1);
    }
    assert!(torn > 5, "seen {torn} times in 100 seeds");
}

#[tokio::test]
async fn redoing_the_heads_own_mutation_leaves_nothing_torn() {
    for seed in 0..100 {
        let (first, head, row) = narrow_read_after_a_torn_batch(seed, true).await;
        assert!(first == 1 || (head, row) == (2, 2), "seed {seed}");
    }
}

#[tokio::test]
async fn acknowledged_rows_are_lost_with_the_power_until_they_are_written_again() {
    let row = OnceRow::Envelope {
        conversation: CONVERSATION,
        sequence: Sequence(1),
        value: Bytes::from_static(b"header"),
        expires_at: Millis(u64::MAX),
    };
    let mut lost = 0;
    for seed in 0..50 {
        let store = MemoryMessageStore::with_faults(Arc::new(ManualClock::default()), narrow(seed));
        store.mutate(&mutation(1)).await.unwrap();
        store.sync().await.unwrap();
        store.write_once(std::slice::from_ref(&row)).await.unwrap();
        store.mutate(&mutation(2)).await.unwrap();
        store.cut_power();
        let rows = store.read_rows(CONVERSATION, &[SENDER]).await.unwrap();
        assert!(rows.head.is_some(), "what was synced is never lost");
        let read = |after| store.read_envelopes(CONVERSATION, Sequence(after), Sequence(9), 9);
        let missing = read(0).await.unwrap().is_empty();
        lost += u32::from(missing);
        store.write_once(std::slice::from_ref(&row)).await.unwrap();
        assert_eq!(read(0).await.unwrap().len(), 1);
    }
    assert!(lost > 5, "seen {lost} times in 50 seeds");
}

#[tokio::test]
async fn a_killed_handle_tears_its_last_write_and_is_dead_while_others_go_on() {
    let clock = Arc::new(ManualClock::default());
    let mut stamps = [0; 3];
    for seed in 0..30 {
        let clock = Arc::<ManualClock>::clone(&clock);
        let store = MemoryMessageStore::with_faults(clock, narrow(seed));
        let worker = store.clone();
        worker.kill_after_writes(1);
        worker.mutate(&mutation(1)).await.unwrap();
        worker.mutate(&mutation(2)).await.unwrap_err();
        worker.mutate(&mutation(3)).await.unwrap_err();
        worker.read_rows(CONVERSATION, &[]).await.unwrap_err();
        let head = store.read_rows(CONVERSATION, &[]).await.unwrap().head;
        stamps[usize::try_from(head.unwrap().0.0).unwrap() - 1] += 1;
    }
    assert!(
        stamps[0] > 0 && stamps[1] > 0 && stamps[2] == 0,
        "{stamps:?}"
    );
}
