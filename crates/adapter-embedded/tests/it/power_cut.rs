//! The power goes while appends are under way.

use std::{
    collections::BTreeMap,
    path::Path,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
};

use xchat_adapter_embedded::{EmbeddedEventLog, faults::FaultyDisk};
use xchat_adapter_memory::SeededRng;
use xchat_ports::{EventLog, Rng};
use xchat_types::{Millis, Offset, PartitionId};

use crate::support::{self, KeptCheckpoints, append, contents, open, open_on};

/// What was ACCEPTED, by partition and offset.
type Accepted = Mutex<BTreeMap<(PartitionId, Offset), String>>;

/// Six devices append at once, in rounds, until the log says no.
async fn submit(log: &EmbeddedEventLog, run: u32, accepted: &Accepted) {
    for round in 0..8 {
        let calls = (0..6).map(|device| async move {
            let text = format!("{run}/{round}/{device} {}", "x".repeat(device * 60));
            let partition = u32::try_from(device % 3).unwrap();
            let records = vec![append(partition, &text), append(3, &text)];
            let answers = log.append(records).await;
            for (id, answer) in [partition, 3].into_iter().zip(answers) {
                if let Ok(appended) = answer {
                    let key = (PartitionId(id), appended.offset);
                    let before = accepted.lock().unwrap().insert(key, text.clone());
                    assert_eq!(before, None, "an offset twice");
                }
            }
        });
        let calls: Vec<_> = calls.collect();
        join_all(calls).await;
    }
}

/// Runs futures of one task together, so that their appends share a sync.
async fn join_all<F: Future<Output = ()>>(futures: Vec<F>) {
    let mut futures: Vec<_> = futures.into_iter().map(Box::pin).collect();
    std::future::poll_fn(|context| {
        futures.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if futures.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// Three runs of a log with restarts between them, on a disk that may lose its power. Half of the
/// first run is released at the end of the second one.
async fn live(disk: &FaultyDisk, folder: &Path, accepted: &Accepted) {
    let store = Arc::<KeptCheckpoints>::default();
    for run in 0..3 {
        let Ok(log) = open_on(Arc::new(disk.clone()), folder, &store) else {
            return;
        };
        submit(&log, run, accepted).await;
        if run == 1 {
            let below: Vec<_> = (0..4).map(|id| (PartitionId(id), Offset(6))).collect();
            if log.release(&below, Millis(u64::MAX)).await.is_ok() {
                accepted
                    .lock()
                    .unwrap()
                    .retain(|(_, offset), _| offset.0 >= 6);
            }
        }
    }
}

/// Cuts the power at a random operation, and returns what is wrong with the log after it.
async fn cut_somewhere(seed: u64, operations: u64, skip_syncs: bool) -> Option<String> {
    let folder = support::folder();
    let disk = FaultyDisk::new(seed);
    if skip_syncs {
        disk.skip_syncs();
    }
    let mut random = [0; 8];
    SeededRng::new(seed).fill(&mut random);
    disk.cut_power_at(1 + u64::from_le_bytes(random) % operations);
    let accepted = Accepted::default();
    live(&disk, folder.path(), &accepted).await;
    let log = match open(folder.path(), &Arc::default()) {
        Ok(log) => log,
        Err(error) => return Some(format!("it does not open: {error}")),
    };
    let found = match contents(&log).await {
        Ok(found) => found,
        Err(error) => return Some(format!("it does not read: {error}")),
    };
    for (key, text) in accepted.lock().unwrap().iter() {
        if found.get(key).map(|entry| &*entry.record) != Some(text.as_bytes()) {
            return Some(format!("ACCEPTED {key:?} is lost"));
        }
    }
    for (id, offset) in found.keys() {
        let span = log.span(*id).await.unwrap();
        assert!(span.start <= *offset && *offset < span.end);
    }
    let answer = log.append(vec![append(0, "goes on")]).await.remove(0);
    answer
        .err()
        .map(|error| format!("it does not go on: {error}"))
}

async fn operations() -> u64 {
    let folder = support::folder();
    let disk = FaultyDisk::new(0);
    let accepted = Accepted::default();
    live(&disk, folder.path(), &accepted).await;
    assert!(accepted.lock().unwrap().len() > 200, "nothing went wrong");
    disk.operations()
}

#[tokio::test]
async fn a_power_cut_at_200_random_points_loses_nothing_accepted() {
    let operations = operations().await;
    for seed in 0..200 {
        let wrong = cut_somewhere(seed, operations, false).await;
        assert_eq!(wrong, None, "seed {seed}");
    }
}

/// Shows that the harness sees what it is there for.
#[tokio::test]
async fn the_same_cuts_lose_accepted_records_when_nothing_is_synced() {
    let operations = operations().await;
    let mut seen = 0;
    for seed in 0..40 {
        seen += u32::from(cut_somewhere(seed, operations, true).await.is_some());
    }
    assert!(seen > 20, "seen {seen} times in 40 seeds");
}

#[tokio::test]
async fn a_failed_sync_is_never_acknowledged_nor_believed_later() {
    let mut unknown = 0;
    for seed in 0..60 {
        let folder = support::folder();
        let store = Arc::<KeptCheckpoints>::default();
        let disk = FaultyDisk::new(seed);
        let log = open_on(Arc::new(disk.clone()), folder.path(), &store).unwrap();
        let mut accepted = Vec::new();
        for number in 0..30 {
            if number % 7 == 3 {
                disk.fail_syncs(1 + u32::from(seed % 2 == 0));
            }
            let text = number.to_string();
            match log.append(vec![append(0, &text)]).await.remove(0) {
                Ok(appended) => accepted.push((appended.offset, text)),
                Err(error) => {
                    assert!(error.is_retryable(), "{error}");
                    unknown += 1;
                }
            }
        }
        if seed % 3 > 0 {
            // The last sync fails, and then the process or the power dies.
            disk.fail_syncs(u32::MAX);
            assert!(log.append(vec![append(0, "last")]).await[0].is_err());
        }
        let log = if seed % 3 == 1 {
            // It starts again from the page cache, and what it finds there it may deliver: so
            // that must be on the disk when the power goes.
            drop(log);
            disk.fail_syncs(0);
            let log = open_on(Arc::new(disk.clone()), folder.path(), &store).unwrap();
            for ((_, offset), entry) in contents(&log).await.unwrap() {
                let text = String::from_utf8(entry.record.to_vec()).unwrap();
                if !accepted.contains(&(offset, text.clone())) {
                    accepted.push((offset, text));
                }
            }
            log
        } else {
            log
        };
        disk.cut_power().unwrap();
        drop(log);
        let log = open(folder.path(), &store).unwrap();
        let found = contents(&log).await.unwrap();
        for (offset, text) in accepted {
            let record = found
                .get(&(PartitionId(0), offset))
                .map(|entry| &*entry.record);
            assert_eq!(record, Some(text.as_bytes()), "seed {seed}");
        }
    }
    assert!(unknown > 100, "seen {unknown} times");
}

#[tokio::test]
async fn what_a_failed_sync_left_behind_does_not_come_back_behind_a_later_record() {
    let folder = support::folder();
    let store = Arc::<KeptCheckpoints>::default();
    let disk = FaultyDisk::new(1);
    let log = open_on(Arc::new(disk.clone()), folder.path(), &store).unwrap();
    disk.fail_syncs(1);
    let failed = log
        .append(vec![append(0, "old a"), append(0, "old b")])
        .await;
    assert!(failed.iter().all(Result::is_err));
    // As long as the first one, and in the sector of both.
    assert!(log.append(vec![append(0, "new a")]).await[0].is_ok());
    disk.cut_power().unwrap();
    drop(log);
    let log = open(folder.path(), &store).unwrap();
    let found = contents(&log).await.unwrap();
    let records: Vec<_> = found.values().map(|entry| &*entry.record).collect();
    assert_eq!(records, [b"new a"]);
}

#[tokio::test]
async fn nothing_is_acknowledged_or_read_before_its_sync_and_those_that_wait_share_one() {
    let folder = support::folder();
    let disk = FaultyDisk::new(1);
    let log = open_on(Arc::new(disk.clone()), folder.path(), &Arc::default()).unwrap();
    disk.hold_syncs(true);
    let before = disk.operations();
    let acknowledged = AtomicUsize::new(0);
    let call = |number: u32| {
        let (log, acknowledged) = (&log, &acknowledged);
        async move {
            let text = number.to_string();
            assert!(log.append(vec![append(number % 4, &text)]).await[0].is_ok());
            acknowledged.fetch_add(1, Ordering::SeqCst);
        }
    };
    // The first one is written, and waits for its sync; then come a hundred more.
    let mut first = Box::pin(call(0));
    assert!(poll_once(first.as_mut()).await.is_pending());
    while disk.operations() == before {
        tokio::task::yield_now().await;
    }
    let mut others = Box::pin(join_all((1..=100).map(call).collect()));
    assert!(poll_once(others.as_mut()).await.is_pending());
    assert_eq!(acknowledged.load(Ordering::SeqCst), 0);
    assert_eq!(contents(&log).await.unwrap().len(), 0);

    disk.hold_syncs(false);
    first.await;
    others.await;
    assert_eq!(acknowledged.load(Ordering::SeqCst), 101);
    assert_eq!(contents(&log).await.unwrap().len(), 101);
    // Twice a write and a sync, and a segment or two.
    let operations = disk.operations() - before;
    assert!(operations < 20, "{operations} operations for 101 appends");
}

async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}
