use std::{
    process::Command,
    time::{Duration, Instant},
};

use xchat_adapter_kafka::KafkaEventLog;
use xchat_ports::EventLog;
use xchat_types::{Offset, PartitionId};

use crate::rig::{fresh, record};

/// A call to the log ends in this time, whatever the broker does.
const LONGEST: Duration = Duration::from_secs(6);

/// The only broker, stopped while this lives. `XCHAT_TEST_KAFKA_PROCESS` names its process.
struct Paused(String);

impl Paused {
    fn begin(process: &str) -> Self {
        signal("-STOP", process);
        Self(process.to_owned())
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        signal("-CONT", &self.0);
    }
}

fn signal(signal: &str, process: &str) {
    let status = Command::new("kill").args([signal, process]).status();
    assert!(status.unwrap().success());
}

fn broker() -> Option<String> {
    #[allow(
        clippy::disallowed_methods,
        reason = "a test has no other configuration"
    )]
    let process = std::env::var("XCHAT_TEST_KAFKA_PROCESS").ok();
    if process.is_none() {
        eprintln!("skipped: set XCHAT_TEST_KAFKA_PROCESS to the broker's process id");
    }
    process
}

async fn in_time<T>(call: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let answer = call.await;
    assert!(begun.elapsed() < LONGEST, "{:?}", begun.elapsed());
    answer
}

/// Appends one record after the other until `until`; returns the numbers acknowledged.
async fn write(log: &dyn EventLog, numbers: &mut u32, until: Instant) -> (Vec<u32>, u32) {
    let (mut accepted, mut unknown) = (Vec::new(), 0);
    while Instant::now() < until {
        let append = record(0, &numbers.to_string());
        match in_time(log.append(vec![append])).await.pop().unwrap() {
            Ok(_) => accepted.push(*numbers),
            Err(error) => {
                assert!(error.is_retryable(), "{error}");
                unknown += 1;
            }
        }
        *numbers += 1;
    }
    (accepted, unknown)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_stands_still_for_ten_seconds_loses_and_reorders_nothing() {
    let (Some(config), Some(process)) = (fresh(), broker()) else {
        return;
    };
    let log = KafkaEventLog::open(config).await.unwrap();
    let mut numbers = 0;
    let second = Duration::from_secs(1);
    let (mut accepted, unknown) = write(&log, &mut numbers, Instant::now() + second).await;
    assert_eq!(unknown, 0);
    let paused = Paused::begin(&process);
    let until = Instant::now() + 10 * second;
    let (none, unknown) = write(&log, &mut numbers, until).await;
    assert!(none.is_empty() && unknown > 0, "{none:?} {unknown}");
    let partition = PartitionId(0);
    assert!(
        in_time(log.span(partition))
            .await
            .unwrap_err()
            .is_retryable()
    );
    let committed = in_time(log.commit(&[(partition, Offset(1))])).await;
    assert!(committed.unwrap_err().is_retryable());
    drop(paused);
    let resumed = Instant::now();
    while in_time(log.span(partition)).await.is_err() {}
    eprintln!("answers again after {:?}", resumed.elapsed());
    let (more, _) = write(&log, &mut numbers, Instant::now() + 3 * second).await;
    assert!(!more.is_empty());
    accepted.extend(more);

    let end = log.span(partition).await.unwrap().end;
    let mut next = Offset(0);
    let mut stored: Vec<u32> = Vec::new();
    while next < end {
        let page = log
            .read(&[(partition, next)], 1 << 20, second)
            .await
            .unwrap();
        for entry in page {
            next = entry.offset.next();
            stored.push(std::str::from_utf8(&entry.record).unwrap().parse().unwrap());
        }
    }
    stored.dedup();
    assert!(stored.is_sorted_by(|one, other| one < other), "{stored:?}");
    let lost: Vec<_> = accepted.iter().filter(|n| !stored.contains(n)).collect();
    assert!(lost.is_empty(), "{lost:?}");
}
