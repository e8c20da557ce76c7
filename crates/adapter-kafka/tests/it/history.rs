//! What was written, and what stands in the log.

use std::time::{Duration, Instant};

use xchat_ports::EventLog;
use xchat_types::{Offset, PartitionId};

use crate::rig::record;

/// A call to the log ends in this time, whatever the broker does.
const LONGEST: Duration = Duration::from_secs(6);
const PARTITION: PartitionId = PartitionId(0);

pub(crate) async fn in_time<T>(call: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let answer = call.await;
    assert!(begun.elapsed() < LONGEST, "{:?}", begun.elapsed());
    answer
}

/// Numbers that one writer appends, one after the other.
#[derive(Debug, Default)]
pub(crate) struct History {
    next: u32,
    accepted: Vec<u32>,
}

/// What became of the appends of a while.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outcomes {
    pub(crate) accepted: u32,
    pub(crate) unknown: u32,
}

impl History {
    pub(crate) async fn write(&mut self, log: &dyn EventLog, for_: Duration) -> Outcomes {
        let mut outcomes = Outcomes::default();
        let until = Instant::now() + for_;
        while Instant::now() < until {
            let append = record(PARTITION.0, &self.next.to_string());
            match in_time(log.append(vec![append])).await.pop().unwrap() {
                Ok(_) => {
                    self.accepted.push(self.next);
                    outcomes.accepted += 1;
                }
                Err(error) => {
                    assert!(error.is_retryable(), "{error}");
                    outcomes.unknown += 1;
                }
            }
            self.next += 1;
        }
        outcomes
    }

    /// Reads all back, in spite of whatever goes on: nothing accepted is lost, nothing reordered.
    pub(crate) async fn check(&self, log: &dyn EventLog) {
        let stored = stored(log).await;
        assert!(stored.is_sorted_by(|one, other| one < other), "{stored:?}");
        let missing = |number: &&u32| stored.binary_search(number).is_err();
        let lost: Vec<_> = self.accepted.iter().filter(missing).collect();
        assert!(lost.is_empty(), "{lost:?}");
    }
}

/// Repetitions next to each other are the producer's right only after an unknown outcome; they
/// count once.
async fn stored(log: &dyn EventLog) -> Vec<u32> {
    let patience = Instant::now() + Duration::from_mins(1);
    let end = loop {
        match in_time(log.span(PARTITION)).await {
            Ok(span) => break span.end,
            Err(error) => assert!(Instant::now() < patience, "{error}"),
        }
    };
    let (mut next, mut stored) = (Offset(0), Vec::new());
    while next < end {
        let from = [(PARTITION, next)];
        match log.read(&from, 1 << 20, Duration::from_secs(1)).await {
            Ok(page) => {
                for entry in page {
                    next = entry.offset.next();
                    let text = std::str::from_utf8(&entry.record).unwrap();
                    stored.push(text.parse().unwrap());
                }
            }
            Err(error) => assert!(error.is_retryable(), "{error}"),
        }
        assert!(Instant::now() < patience, "read up to {next:?} of {end:?}");
    }
    stored.dedup();
    stored
}
