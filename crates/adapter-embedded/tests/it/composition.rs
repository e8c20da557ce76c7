//! Log and store together: the power goes, the log keeps what was synced, and the store goes back
//! to its last sync.

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use tempfile::TempDir;
use xchat_adapter_embedded::{
    Disk, EmbeddedEventLog, EmbeddedMessageStore, SystemDisk, faults::FaultyDisk,
};
use xchat_adapter_memory::{ManualClock, SeededRng};
use xchat_ports::{
    Clock, EventLog, MessageStore, Rng,
    event_log::Entry,
    message_store::{Mutation, OnceRow, RowChange, RowKey},
};
use xchat_types::{ConversationId, Millis, Offset, PartitionId, Sequence, Stamp};

use crate::{
    directory_store::Durable,
    support::{self, append, options},
};

const PARTITION: PartitionId = PartitionId(1);
const CONVERSATION: ConversationId = ConversationId::new([7; ConversationId::LEN]);

struct Server {
    store: EmbeddedMessageStore,
    log: EmbeddedEventLog,
    clock: Arc<ManualClock>,
}

fn open(disk: Arc<dyn Disk>, folder: &Path, store: &Path) -> Result<Server, String> {
    let clock = Arc::new(ManualClock::default());
    let ticking = || Arc::<ManualClock>::clone(&clock);
    let store = EmbeddedMessageStore::open(store, ticking()).map_err(|error| error.to_string())?;
    let rng = SeededRng::new(3);
    let kept = Arc::new(store.clone());
    let log = EmbeddedEventLog::open_on(disk, folder, options(), (ticking(), &rng), kept)
        .map_err(|error| error.to_string())?;
    Ok(Server { store, log, clock })
}

/// The smallest fold: every record is the next envelope of one conversation.
async fn fold(store: &EmbeddedMessageStore, entry: &Entry) {
    let rows = store.read_rows(CONVERSATION, &[]).await.unwrap();
    let (stamp, at, sequence) = rows.head.map_or((Stamp(0), None, 0), |(stamp, value)| {
        let (offset, sequence) = value.split_at(8);
        let number = |bytes: &[u8]| u64::from_be_bytes(bytes.try_into().unwrap());
        (stamp, Some(number(offset)), number(sequence))
    });
    if at.is_some_and(|at| at >= entry.offset.0) {
        return;
    }
    let envelope = OnceRow::Envelope {
        conversation: CONVERSATION,
        sequence: Sequence(sequence + 1),
        value: entry.record.clone(),
        expires_at: Millis(u64::MAX),
    };
    store.write_once(&[envelope]).await.unwrap();
    let change = |key, value: Vec<u8>| RowChange {
        key,
        value: Some(Bytes::from(value)),
        expires_at: None,
    };
    let head = [entry.offset.0.to_be_bytes(), (sequence + 1).to_be_bytes()].concat();
    let mutation = Mutation {
        conversation: CONVERSATION,
        stamp: stamp.after(entry.appended_at),
        changes: vec![
            change(RowKey::Head, head),
            change(RowKey::Recent(PARTITION, entry.offset), Vec::new()),
        ],
    };
    store.mutate(&mutation).await.unwrap();
}

/// Folds everything from a position on; returns the next one.
async fn catch_up(server: &Server, mut from: Offset) -> Result<Offset, String> {
    loop {
        let position = [(PARTITION, from)];
        let page = server.log.read(&position, 5_000, Duration::ZERO).await;
        let page = page.map_err(|error| error.to_string())?;
        if page.is_empty() {
            return Ok(from);
        }
        for entry in page {
            fold(&server.store, &entry).await;
            from = entry.offset.next();
        }
    }
}

/// Appends and folds in rounds, with syncs and releases between, until the power goes. Returns
/// what was ACCEPTED and the folder of the store as it was at its last sync.
async fn live(disk: &FaultyDisk, folder: &Path, seed: u64) -> (BTreeSet<String>, TempDir) {
    let store_folder = support::folder();
    let mut accepted = BTreeSet::new();
    let random = SeededRng::new(seed);
    let server = open(Arc::new(disk.clone()), folder, store_folder.path()).unwrap();
    let synced = Durable::of(store_folder.path());
    let (taken, path) = (synced.clone(), store_folder.path().to_owned());
    server.store.on_sync(Box::new(move || taken.take(&path)));
    let mut next = Offset(0);
    for round in 0..12 {
        let mut dice = [0; 2];
        random.fill(&mut dice);
        for number in 0..=dice[0] % 20 {
            let text = format!("{round}/{number} {}", "x".repeat(usize::from(dice[0])));
            let answer = server
                .log
                .append(vec![append(PARTITION.0, &text)])
                .await
                .remove(0);
            if answer.is_ok() {
                accepted.insert(text);
            }
        }
        let Ok(folded) = catch_up(&server, next).await else {
            break;
        };
        next = folded;
        if dice[1] % 3 == 0 {
            server.log.commit(&[(PARTITION, next)]).await.unwrap();
            let later = server.clock.now().saturating_add(1);
            // The disk under the log may be dead by now.
            let _ = server.log.release(&[(PARTITION, next)], later).await;
        }
    }
    // The power goes now at the latest.
    let _ = disk.cut_power();
    (accepted, synced.after_a_power_cut())
}

async fn cut_and_start_again(seed: u64, skip_syncs: bool) -> Result<(), String> {
    let folder = support::folder();
    let disk = FaultyDisk::new(seed);
    if skip_syncs {
        disk.skip_syncs();
    }
    disk.cut_power_at(20 + seed * 7);
    let (accepted, store) = live(&disk, folder.path(), seed).await;
    let server = open(Arc::new(SystemDisk), folder.path(), store.path())?;
    let span = server.log.span(PARTITION).await.unwrap();
    let committed = server.log.committed(PARTITION).await.unwrap();
    let from = committed.unwrap_or(Offset(0));
    if from < span.start || from > span.end {
        return Err(format!("folded up to {from}, the log holds {span:?}"));
    }
    catch_up(&server, from).await?;
    let mut stored = BTreeSet::new();
    let mut after = Sequence(0);
    loop {
        let through = Sequence(u64::MAX);
        let page = server
            .store
            .read_envelopes(CONVERSATION, after, through, 100)
            .await;
        let page = page.map_err(|error| error.to_string())?;
        let Some(last) = page.last() else { break };
        assert_eq!(last.sequence.0, after.0 + page.len() as u64, "dense");
        after = last.sequence;
        for envelope in page {
            let text = String::from_utf8(envelope.value.to_vec()).unwrap();
            assert!(stored.insert(text), "folded twice");
        }
    }
    match accepted.difference(&stored).next() {
        Some(text) => Err(format!("ACCEPTED and lost: {text}")),
        None => Ok(()),
    }
}

#[tokio::test]
async fn nothing_accepted_is_lost_when_the_store_goes_back_to_its_last_sync() {
    for seed in 0..16 {
        let answer = cut_and_start_again(seed, false).await;
        assert_eq!(
            answer,
            Ok(()),
            "a promise broken by a power cut, seed {seed}"
        );
    }
}

/// Shows that the harness sees what it is there for.
#[tokio::test]
async fn the_same_cuts_are_seen_when_the_log_does_not_sync() {
    let mut seen = 0;
    for seed in 0..8 {
        seen += u32::from(cut_and_start_again(seed, true).await.is_err());
    }
    assert!(seen > 3, "seen {seen} times in 8 seeds");
}
