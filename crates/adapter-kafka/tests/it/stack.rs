//! Nodes of the stack that stand still or die. These tests run alone:
//! `XCHAT_TEST_STACK=infra/stack/stack.sh cargo test … --test it stack:: -- --test-threads 1`.

use std::{fs::File, os::unix::fs::FileExt, path::Path, process::Command, time::Duration};

use xchat_adapter_kafka::{Config, KafkaEventLog};
use xchat_ports::{EventLog as _, PortError, contract::engine::engine};
use xchat_types::{Offset, PartitionId};

use crate::{
    history::{History, in_time},
    rig::{fresh, open, record},
};

const SECOND: Duration = Duration::from_secs(1);

/// `stack.sh`, which outlives the test's threads.
fn stack(path: &str, words: &[&str]) {
    let status = Command::new(path).args(words).status().unwrap();
    assert!(status.success(), "{path} {words:?}");
}

fn nodes(config: &Config) -> Vec<String> {
    let nodes = config.brokers.split(',').count();
    (1..=nodes).map(|node| format!("kafka-{node}")).collect()
}

/// Changes a byte of the only batch of partition 0, on every broker's disk.
fn damage_the_disk(path: &str, nodes: &[String], topic: &str) {
    for node in nodes {
        let folder = Command::new(path).args(["folder", node]).output().unwrap();
        let folder = String::from_utf8(folder.stdout).unwrap();
        let segment = format!("log/{topic}-0/00000000000000000000.log");
        let segment = Path::new(folder.trim()).join(segment);
        let file = File::options().write(true).open(segment).unwrap();
        let end = file.metadata().unwrap().len();
        file.write_at(b"?", end - 2).unwrap();
    }
}

/// Stopped while this lives.
struct Paused<'a>(&'a str, &'a str);

impl<'a> Paused<'a> {
    fn begin(path: &'a str, node: &'a str) -> Self {
        stack(path, &["pause", node]);
        Self(path, node)
    }
}

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        stack(self.0, &["resume", self.1]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brokers_that_stand_still_for_ten_seconds_lose_and_reorder_nothing() {
    let (Some(config), Some(path)) = (fresh(), engine("stack")) else {
        return;
    };
    let nodes = nodes(&config);
    let log = KafkaEventLog::open(config).await.unwrap();
    let mut history = History::default();
    let outcomes = history.write(&log, SECOND).await;
    assert_eq!(outcomes.unknown, 0);
    let paused: Vec<_> = nodes
        .iter()
        .map(|node| Paused::begin(&path, node))
        .collect();
    let outcomes = history.write(&log, 10 * SECOND).await;
    assert_eq!(outcomes.accepted, 0, "{outcomes:?}");
    let span = in_time(log.span(PartitionId(0))).await;
    assert!(span.unwrap_err().is_retryable());
    drop(paused);
    let mut after = 0;
    for _ in 0..10 {
        after += history.write(&log, 2 * SECOND).await.accepted;
        if after > 0 {
            break;
        }
    }
    assert!(after > 0, "not used again");
    history.check(&log).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_three_brokers_killed_in_turn_loses_and_reorders_nothing() {
    let (Some(config), Some(path)) = (fresh(), engine("stack")) else {
        return;
    };
    if config.brokers.split(',').count() < 3 {
        eprintln!("skipped: the stack has no three brokers");
        return;
    }
    let log = open(&config).await;
    let mut history = History::default();
    let outcomes = history.write(&log, SECOND).await;
    assert_eq!(outcomes.unknown, 0);
    for node in ["kafka-1", "kafka-2", "kafka-3"] {
        stack(&path, &["kill", node]);
        let outcomes = history.write(&log, 15 * SECOND).await;
        eprintln!("without {node}: {outcomes:?}");
        assert!(outcomes.accepted > 0, "{outcomes:?}");
        // The lag guard must see on, or it would refuse everything after two minutes.
        for partition in (0..log.partitions()).map(PartitionId) {
            let span = in_time(log.span(partition)).await;
            assert!(span.is_ok(), "without {node}: {span:?}");
        }
        stack(&path, &["start", node]);
    }
    history.check(&log).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_the_disk_changed_is_never_passed() {
    let (Some(config), Some(path)) = (fresh(), engine("stack")) else {
        return;
    };
    let log = KafkaEventLog::open(config.clone()).await.unwrap();
    let append = |text| log.append(vec![record(0, text)]);
    append("changed").await.pop().unwrap().unwrap();
    damage_the_disk(&path, &nodes(&config), &config.topic);
    append("after").await.pop().unwrap().unwrap();
    let partition = PartitionId(0);
    for _ in 0..3 {
        let read = log.read(&[(partition, Offset(0))], 1 << 20, SECOND).await;
        assert!(matches!(read, Err(PortError::Corrupt(_))), "{read:?}");
    }
    let behind = log.read(&[(partition, Offset(1))], 1 << 20, SECOND).await;
    assert_eq!(behind.unwrap().len(), 1);
}
