//! The contract, and what is special to this log.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use tempfile::TempDir;
use xchat_adapter_embedded::{EmbeddedEventLog, LogOptions, SystemDisk};
use xchat_adapter_memory::{ManualClock, SeededRng};
use xchat_ports::{Clock, EventLog, PortError, Rng, contract::event_log::Factory};
use xchat_types::{LogId, Millis, Offset, PartitionId};

use crate::support::{self, KeptCheckpoints, append, contents, folder, open, options};

/// Remembers the folder and the checkpoints of each log.
#[derive(Default)]
struct Logs {
    made: Mutex<HashMap<LogId, (TempDir, Arc<KeptCheckpoints>)>>,
    rng: Option<SeededRng>,
}

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("embedded event log")
    }
}

impl Logs {
    fn open(&self, folder: TempDir, store: Arc<KeptCheckpoints>) -> Arc<dyn EventLog> {
        let clock = Arc::new(ManualClock::default());
        let rng: &dyn Rng = self.rng.as_ref().unwrap();
        let kept = Arc::<KeptCheckpoints>::clone(&store);
        let log = EmbeddedEventLog::open(folder.path(), options(), clock, rng, kept).unwrap();
        let mut made = self.made.lock().unwrap();
        made.insert(log.log_id(), (folder, store));
        Arc::new(log)
    }
}

#[async_trait]
impl Factory for Logs {
    async fn create(&self) -> Arc<dyn EventLog> {
        self.open(folder(), Arc::default())
    }

    async fn reopen(&self, log: Arc<dyn EventLog>) -> Arc<dyn EventLog> {
        let made = self.made.lock().unwrap().remove(&log.log_id());
        let (folder, store) = made.unwrap();
        assert_eq!(Arc::strong_count(&log), 1, "or the folder stays locked");
        drop(log);
        self.open(folder, store)
    }

    fn shares(&self) -> bool {
        false
    }
}

fn logs() -> [Logs; 1] {
    [Logs {
        rng: Some(SeededRng::new(5)),
        ..Logs::default()
    }]
}

mod contract {
    xchat_ports::event_log_contract!(super::logs());
}

#[tokio::test]
async fn offsets_are_dense_in_each_partition() {
    let folder = support::folder();
    let log = open(folder.path(), &Arc::default()).unwrap();
    for round in 0..50 {
        let records = vec![append(0, "a"), append(1, "b"), append(0, "c")];
        let offsets: Vec<u64> = log
            .append(records)
            .await
            .into_iter()
            .map(|answer| answer.unwrap().offset.0)
            .collect();
        assert_eq!(offsets, [2 * round, round, 2 * round + 1]);
    }
}

#[tokio::test]
async fn append_times_never_go_back_also_when_the_clock_does_and_over_a_restart() {
    let folder = support::folder();
    let clock = Arc::new(ManualClock::new(Millis(5_000)));
    let open = || {
        let clock = Arc::<ManualClock>::clone(&clock);
        let rng = SeededRng::new(1);
        let store = Arc::<KeptCheckpoints>::default();
        EmbeddedEventLog::open(folder.path(), options(), clock, &rng, store).unwrap()
    };
    let log = open();
    let at = async |log: &EmbeddedEventLog| {
        let answer = log.append(vec![append(0, "x")]).await.remove(0);
        answer.unwrap().appended_at
    };
    assert_eq!(at(&log).await, Millis(5_000));
    clock.set(Millis(4_000));
    assert_eq!(at(&log).await, Millis(5_000));
    drop(log);
    let log = open();
    assert_eq!(at(&log).await, Millis(5_000));
    clock.set(Millis(6_000));
    assert_eq!(at(&log).await, Millis(6_000));
    assert_eq!(clock.now(), Millis(6_000));
}

#[tokio::test]
async fn a_record_that_fits_into_no_segment_is_too_large_and_others_go_on() {
    let folder = support::folder();
    let log = open(folder.path(), &Arc::default()).unwrap();
    let huge = "x".repeat(10_000);
    let mut answers = log
        .append(vec![append(0, "a"), append(0, &huge), append(0, "b")])
        .await;
    assert_eq!(answers.remove(0).unwrap().offset, Offset(0));
    assert!(matches!(answers.remove(0), Err(PortError::TooLarge(_))));
    assert_eq!(answers.remove(0).unwrap().offset, Offset(1));
    let answers = log.append(vec![append(99, "x")]).await;
    assert!(matches!(answers[..], [Err(PortError::Conflict(_))]));
}

#[tokio::test]
async fn spent_segments_are_deleted_also_the_one_that_is_written_to() {
    let folder = support::folder();
    let store = Arc::default();
    let log = open(folder.path(), &store).unwrap();
    let segments = || {
        std::fs::read_dir(folder.path())
            .unwrap()
            .filter(|file| {
                let name = file.as_ref().unwrap().file_name();
                name.to_str().unwrap().ends_with(".segment")
            })
            .count()
    };
    let text = "x".repeat(500);
    for _ in 0..60 {
        log.append(vec![append(0, &text), append(1, &text)]).await;
    }
    assert!(segments() > 5);
    let first = folder.path().join("00000000000000000001.segment");
    let length = std::fs::metadata(first).unwrap().len();
    assert!(length < 8_192, "a closed one gives its spare space back");
    let (all, later) = (Offset(60), Millis(u64::MAX));
    log.release(&[(PartitionId(0), all)], later).await.unwrap();
    assert!(segments() > 5, "partition 1 still needs them");
    let both = [(PartitionId(0), all), (PartitionId(1), all)];
    log.release(&both, later).await.unwrap();
    assert_eq!(segments(), 1, "an empty one");
    let span = log.span(PartitionId(0)).await.unwrap();
    assert_eq!((span.start, span.end), (all, all));
    drop(log);
    let log = open(folder.path(), &store).unwrap();
    let answer = log.append(vec![append(0, "after")]).await.remove(0);
    assert_eq!(answer.unwrap().offset, all);
    assert_eq!(contents(&log).await.unwrap().len(), 1);

    for _ in 0..60 {
        log.append(vec![append(0, &text)]).await;
    }
    drop(log);
    let log = open(folder.path(), &store).unwrap();
    assert!(segments() > 2);
    let end = [(PartitionId(0), log.span(PartitionId(0)).await.unwrap().end)];
    log.release(&end, later).await.unwrap();
    assert_eq!(segments(), 1, "also what an earlier run wrote");
}

#[tokio::test]
async fn records_that_are_no_longer_in_memory_are_read_from_their_files() {
    let folder = support::folder();
    let store = Arc::default();
    let large = LogOptions {
        segment_bytes: 8 * 1_024 * 1_024,
        ..options()
    };
    let open = || {
        let clock = Arc::new(ManualClock::default());
        let store = Arc::<KeptCheckpoints>::clone(&store);
        EmbeddedEventLog::open(folder.path(), large, clock, &SeededRng::new(1), store).unwrap()
    };
    let log = open();
    let text = "x".repeat(500_000);
    for number in 0..50 {
        let answers = log
            .append(vec![append(number % 3, &format!("{number} {text}"))])
            .await;
        assert!(answers[0].is_ok());
    }
    let live = contents(&log).await.unwrap();
    assert_eq!(live.len(), 50);
    for (number, entry) in (0..50).step_by(3).zip(live.values()) {
        assert!(entry.record.starts_with(format!("{number} ").as_bytes()));
    }
    drop(log);
    let log = open();
    assert_eq!(contents(&log).await.unwrap(), live);

    // One of them goes bad while the log is open: it is corrupt, and never skipped.
    let first = folder.path().join("00000000000000000001.segment");
    let file = std::fs::File::options().write(true).open(first).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"y", 100_000).unwrap();
    let error = contents(&log).await.unwrap_err();
    assert!(matches!(error, PortError::Corrupt(_)), "{error}");
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn two_processes_on_one_folder_are_refused() {
    let folder = support::folder();
    let log = open(folder.path(), &Arc::default()).unwrap();
    let error = open(folder.path(), &Arc::default()).unwrap_err();
    assert_eq!(error.code(), "data_locked");
    assert!(error.to_string().contains("in use by another process"));
    drop(log);
    open(folder.path(), &Arc::default()).unwrap();
}

#[tokio::test]
async fn another_number_of_partitions_is_refused() {
    let folder = support::folder();
    drop(open(folder.path(), &Arc::default()).unwrap());
    let other = LogOptions {
        partitions: 5,
        ..options()
    };
    let clock = Arc::new(ManualClock::default());
    let store = Arc::<KeptCheckpoints>::default();
    let error = EmbeddedEventLog::open_on(
        Arc::new(SystemDisk),
        folder.path(),
        other,
        (clock, &SeededRng::new(1)),
        store,
    )
    .unwrap_err();
    assert_eq!(error.code(), "data_unusable");
    assert!(error.to_string().contains("4 partitions"), "{error}");
}

#[tokio::test]
async fn a_closed_log_refuses_appends_and_still_reads() {
    let folder = support::folder();
    let log = open(folder.path(), &Arc::default()).unwrap();
    assert!(log.append(vec![append(0, "one")]).await[0].is_ok());
    log.close();
    let answers = log.append(vec![append(0, "two")]).await;
    assert!(matches!(answers[..], [Err(PortError::Unavailable(_))]));
    assert_eq!(contents(&log).await.unwrap().len(), 1);
    let position = [(PartitionId(0), Offset(1))];
    let rest = log.read(&position, 100, Duration::from_millis(5)).await;
    assert_eq!(rest.unwrap(), []);
}
