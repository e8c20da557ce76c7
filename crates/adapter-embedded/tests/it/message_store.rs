//! The contract, and what is special to this store.

use std::{
    collections::HashMap,
    fmt, fs,
    path::Path,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use tempfile::TempDir;
use xchat_adapter_embedded::{Checkpoints, EmbeddedMessageStore};
use xchat_adapter_memory::ManualClock;
use xchat_ports::{
    Clock, MessageStore,
    contract::message_store::Factory,
    message_store::{Mutation, OnceRow, PayloadClass, RowChange, RowKey},
};
use xchat_types::{ConversationId, LogId, Offset, PartitionId, Sequence, Stamp};

use crate::{directory_store::Durable, support};

/// Remembers the folder of each store by its address.
#[derive(Default)]
struct Stores(Mutex<HashMap<usize, TempDir>>);

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("embedded message store")
    }
}

fn open(folder: &Path, clock: &Arc<ManualClock>) -> EmbeddedMessageStore {
    EmbeddedMessageStore::open(folder, Arc::<ManualClock>::clone(clock)).unwrap()
}

impl Stores {
    fn open(&self, folder: TempDir) -> Arc<dyn MessageStore> {
        let store: Arc<dyn MessageStore> = Arc::new(open(folder.path(), &Arc::default()));
        let address = Arc::as_ptr(&store).addr();
        self.0.lock().unwrap().insert(address, folder);
        store
    }
}

#[async_trait]
impl Factory for Stores {
    async fn create(&self) -> Arc<dyn MessageStore> {
        self.open(support::folder())
    }

    async fn reopen(&self, store: Arc<dyn MessageStore>) -> Arc<dyn MessageStore> {
        let address = Arc::as_ptr(&store).addr();
        let folder = self.0.lock().unwrap().remove(&address).unwrap();
        assert_eq!(Arc::strong_count(&store), 1, "or the folder stays locked");
        drop(store);
        self.open(folder)
    }
}

mod contract {
    xchat_ports::message_store_contract!([super::Stores::default()]);
}

const CONVERSATION: ConversationId = ConversationId::new([1; 32]);
const LOG: LogId = LogId::new([9; 16]);

/// Folds the record at an offset of partition 2.
fn mutation(stamp: u64, offset: u64) -> Mutation {
    let change = |key| RowChange {
        key,
        value: Some(Bytes::from(stamp.to_string())),
        expires_at: None,
    };
    Mutation {
        conversation: CONVERSATION,
        stamp: Stamp(stamp),
        changes: vec![
            change(RowKey::Head),
            change(RowKey::Recent(PartitionId(2), Offset(offset))),
        ],
    }
}

#[tokio::test]
async fn the_store_knows_what_it_has_folded_of_the_log_that_is_attached() {
    let folder = support::folder();
    let clock = Arc::default();
    let store = open(folder.path(), &clock);
    assert_eq!(store.attach(LOG).unwrap(), []);
    for (stamp, offset) in [(1, 5), (2, 6), (3, 9)] {
        store.mutate(&mutation(stamp, offset)).await.unwrap();
    }
    // A replay that changes nothing folds nothing.
    store.mutate(&mutation(2, 40)).await.unwrap();
    let next = [(PartitionId(0), Offset(8)), (PartitionId(2), Offset(7))];
    store.commit(LOG, &next).await.unwrap();
    drop(store);
    let store = open(folder.path(), &clock);
    let folded = [(PartitionId(0), Offset(7)), (PartitionId(2), Offset(9))];
    assert_eq!(store.attach(LOG).unwrap(), folded);
    assert_eq!(
        store.committed(LOG, PartitionId(2)).await.unwrap(),
        Some(Offset(7))
    );
    let other = LogId::new([8; 16]);
    assert_eq!(
        store.attach(other).unwrap(),
        [],
        "another log, other offsets"
    );
    assert_eq!(store.committed(other, PartitionId(2)).await.unwrap(), None);
}

#[tokio::test]
async fn a_commit_hint_is_stored_only_behind_a_sync_of_what_it_covers() {
    let folder = support::folder();
    let clock = Arc::default();
    let store = open(folder.path(), &clock);
    let durable = Durable::of(folder.path());
    let (taken, path) = (durable.clone(), folder.path().to_owned());
    store.on_sync(Box::new(move || taken.take(&path)));
    store.mutate(&mutation(1, 4)).await.unwrap();
    let next = [(PartitionId(2), Offset(5))];
    store.commit(LOG, &next).await.unwrap();
    let left = durable.after_a_power_cut();
    let after = open(left.path(), &clock);
    let rows = after.read_rows(CONVERSATION, &[]).await.unwrap();
    assert_eq!(rows.head.map(|(stamp, _)| stamp), Some(Stamp(1)));
}

#[tokio::test]
async fn an_expired_row_is_hidden_at_once_and_leaves_the_disk_when_it_is_cleaned() {
    let folder = support::folder();
    let clock = Arc::new(ManualClock::default());
    let store = open(folder.path(), &clock);
    let canary = Bytes::from_static(b"the canary that must not stay on the disk");
    let ends = clock.now().saturating_add(1_000);
    let classes = [PayloadClass::Hour, PayloadClass::Day, PayloadClass::Month];
    for (sequence, class) in (1..).zip(classes) {
        let header = OnceRow::Envelope {
            conversation: CONVERSATION,
            sequence: Sequence(sequence),
            value: Bytes::from_static(b"header"),
            expires_at: ends.saturating_add(1_000_000),
        };
        let payload = OnceRow::Payload {
            conversation: CONVERSATION,
            sequence: Sequence(sequence),
            class,
            value: canary.clone(),
            expires_at: ends,
        };
        store.write_once(&[header, payload]).await.unwrap();
    }
    let payloads = async || {
        let (after, through) = (Sequence(0), Sequence(9));
        let found = store.read_envelopes(CONVERSATION, after, through, 9).await;
        let found = found.unwrap();
        assert_eq!(found.len(), 3);
        found.iter().filter(|row| row.payload.is_some()).count()
    };
    assert_eq!(payloads().await, 3);
    clock.set(ends);
    assert_eq!(payloads().await, 0);
    store.clean().await.unwrap();
    assert_eq!(payloads().await, 0);
    assert_eq!(count_in_tables(folder.path(), &canary), 0);
}

/// Files of tables that hold the bytes. The journal is left out: it goes as a whole.
fn count_in_tables(folder: &Path, bytes: &[u8]) -> usize {
    let mut count = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            count += count_in_tables(&path, bytes);
        } else if path.extension().is_none_or(|name| name != "jnl") {
            let content = fs::read(&path).unwrap();
            count += usize::from(content.windows(bytes.len()).any(|window| window == bytes));
        }
    }
    count
}

#[tokio::test]
async fn two_processes_on_one_store_are_refused() {
    let folder = support::folder();
    let clock = Arc::new(ManualClock::default());
    let store = open(folder.path(), &clock);
    let second = EmbeddedMessageStore::open(folder.path(), Arc::<ManualClock>::clone(&clock));
    assert_eq!(second.unwrap_err().code(), "data_locked");
    drop(store);
    drop(open(folder.path(), &clock));
}

#[tokio::test]
async fn files_that_are_not_what_was_written_are_refused_and_nothing_panics() {
    let clock = Arc::new(ManualClock::default());
    let mut refused = 0;
    for seed in 0..12_usize {
        let folder = support::folder();
        let store = open(folder.path(), &clock);
        for stamp in 1..40 {
            store.mutate(&mutation(stamp, stamp)).await.unwrap();
        }
        store.clean().await.unwrap();
        drop(store);
        damage(folder.path(), seed);
        let opened = EmbeddedMessageStore::open(folder.path(), Arc::<ManualClock>::clone(&clock));
        match opened {
            Err(error) => {
                refused += 1;
                assert!(!error.to_string().is_empty());
            }
            Ok(store) => {
                // What does open may answer that a row is corrupt, but not panic.
                let _ = store.read_rows(CONVERSATION, &[]).await;
                let _ = store.read_members(CONVERSATION).await;
            }
        }
    }
    assert!(refused > 0);
}

/// Cuts one of the small files in half.
fn damage(folder: &Path, seed: usize) {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for file in fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if fs::metadata(&path).unwrap().len() > 1 {
                files.push(path);
            }
        }
    }
    files.sort();
    let path = &files[seed % files.len()];
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2).unwrap();
}
