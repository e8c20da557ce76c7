//! What every event log does.

mod membership;

pub use membership::*;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::task::JoinSet;
use xchat_types::{ConversationId, Millis, Offset, PartitionId};

use super::settle::settled;
use crate::{
    EventLog, TraceContext,
    event_log::{Append, Appended, Entry},
};

/// Makes logs of an adapter. Every log has at least [`PARTITIONS`] partitions and is empty.
#[async_trait]
pub trait Factory: fmt::Debug + Send + Sync {
    async fn create(&self) -> Arc<dyn EventLog>;

    /// The same log after a clean stop. An adapter that keeps nothing returns it as it is.
    async fn reopen(&self, log: Arc<dyn EventLog>) -> Arc<dyn EventLog>;

    /// Whether several members own partitions at the same time; else the first one owns all.
    fn shares(&self) -> bool {
        true
    }
}

pub const PARTITIONS: u32 = 4;

const NO_WAIT: Duration = Duration::ZERO;
const LONG: Duration = Duration::from_secs(30);

/// Tests of the event log contract for each of the factories.
#[macro_export]
macro_rules! event_log_contract {
    ($factories:expr) => {
        $crate::contract_clauses! { event_log, $factories,
            a_record_reads_back_as_it_was_appended
            the_trace_of_a_record_comes_back_with_it
            records_of_one_call_keep_their_order_in_a_partition
            reading_from_a_position_begins_at_the_next_record_there_is
            a_read_takes_at_least_one_record_however_small_it_is
            no_partition_starves_another_in_small_reads
            a_read_waits_for_the_first_record
            a_read_of_nothing_ends_when_its_wait_does
            the_span_covers_what_can_be_read
            the_oldest_time_is_that_of_the_first_record_from_a_position
            a_committed_hint_is_one_that_was_committed
            release_keeps_what_is_above_the_position_or_not_old_enough
            concurrent_appends_are_all_there_in_one_order
            reopening_keeps_records_and_the_name_of_the_log
            a_lone_member_owns_every_partition
            a_partition_changes_hands_only_once_it_is_released
            what_a_member_owned_goes_to_others_when_it_leaves
        }
    };
}

fn append(partition: u32, text: &str) -> Append {
    Append {
        partition: PartitionId(partition),
        conversation: ConversationId::new([7; ConversationId::LEN]),
        record: Bytes::copy_from_slice(text.as_bytes()),
        trace: None,
    }
}

/// Appends one record until it is accepted.
async fn accepted(log: &dyn EventLog, record: Append) -> Appended {
    settled(|| {
        let record = record.clone();
        async move {
            let mut answers = log.append(vec![record]).await;
            assert_eq!(answers.len(), 1, "one answer a record");
            answers.remove(0)
        }
    })
    .await
}

/// Reads everything from positions on, page by page.
async fn read_all(log: &dyn EventLog, mut positions: Vec<(PartitionId, Offset)>) -> Vec<Entry> {
    let mut found: Vec<Entry> = Vec::new();
    loop {
        let page = settled(|| log.read(&positions, 64, NO_WAIT)).await;
        if page.is_empty() {
            return found;
        }
        for entry in page {
            let position = positions
                .iter_mut()
                .find(|(partition, _)| *partition == entry.partition)
                .expect("only partitions that were asked for");
            assert!(entry.offset >= position.1, "in order within a partition");
            position.1 = entry.offset.next();
            found.push(entry);
        }
    }
}

fn texts(entries: &[Entry]) -> Vec<String> {
    let text = |entry: &Entry| String::from_utf8(entry.record.to_vec()).expect("text");
    entries.iter().map(text).collect()
}

fn from_start(partition: u32) -> Vec<(PartitionId, Offset)> {
    vec![(PartitionId(partition), Offset(0))]
}

pub async fn a_record_reads_back_as_it_was_appended(factory: &impl Factory) {
    let log = factory.create().await;
    let conversation = ConversationId::new([9; ConversationId::LEN]);
    let record = Append {
        conversation,
        ..append(2, "one")
    };
    let appended = accepted(&*log, record).await;
    let found = read_all(&*log, from_start(2)).await;
    let entry = Entry {
        partition: PartitionId(2),
        offset: appended.offset,
        appended_at: appended.appended_at,
        conversation,
        record: Bytes::from_static(b"one"),
        trace: None,
    };
    assert!(found.contains(&entry), "{found:?}");
    assert!(read_all(&*log, from_start(1)).await.is_empty());
}

pub async fn the_trace_of_a_record_comes_back_with_it(factory: &impl Factory) {
    let mut log = factory.create().await;
    let mut traces = Vec::new();
    for number in 0..6_u8 {
        // Traced, not traced, and an empty record among both.
        let trace = TraceContext::new([number; 16], [0xa0 | number; 8]);
        let text = if number < 4 { "text" } else { "" };
        let record = Append {
            trace: trace.filter(|_| number % 2 == 1),
            ..append(0, text)
        };
        traces.push((accepted(&*log, record.clone()).await.offset, record));
    }
    for _ in 0..2 {
        let stored = read_all(&*log, from_start(0)).await;
        for (offset, record) in &traces {
            let found = stored.iter().find(|entry| entry.offset == *offset);
            let found = found.map(|entry| (entry.trace, &entry.record));
            assert_eq!(found, Some((record.trace, &record.record)));
        }
        log = factory.reopen(log).await;
    }
}

pub async fn records_of_one_call_keep_their_order_in_a_partition(factory: &impl Factory) {
    let log = factory.create().await;
    let records: Vec<Append> = (0..40)
        .map(|number| append(number % 2, &number.to_string()))
        .collect();
    let answers = log.append(records.clone()).await;
    assert_eq!(answers.len(), records.len());
    for partition in 0..2 {
        let stored = read_all(&*log, from_start(partition)).await;
        let mut last = None;
        for (record, answer) in records.iter().zip(&answers) {
            let Ok(appended) = answer else { continue };
            if record.partition.0 != partition {
                continue;
            }
            assert!(last < Some(appended.offset));
            last = Some(appended.offset);
            let found = stored.iter().find(|entry| entry.offset == appended.offset);
            assert_eq!(found.map(|entry| &entry.record), Some(&record.record));
        }
        let numbers: Vec<u32> = texts(&stored)
            .iter()
            .map(|text| text.parse().expect("a number"))
            .collect();
        assert!(numbers.is_sorted(), "{numbers:?}");
    }
}

pub async fn reading_from_a_position_begins_at_the_next_record_there_is(factory: &impl Factory) {
    let log = factory.create().await;
    let mut offsets = Vec::new();
    for number in 0..12 {
        offsets.push(accepted(&*log, append(0, &number.to_string())).await.offset);
    }
    let stored = read_all(&*log, from_start(0)).await;
    let end = offsets.iter().max().expect("some").0 + 1;
    for from in 0..end + 3 {
        let tail = read_all(&*log, vec![(PartitionId(0), Offset(from))]).await;
        let expected: Vec<Entry> = stored
            .iter()
            .filter(|entry| entry.offset.0 >= from)
            .cloned()
            .collect();
        assert_eq!(tail, expected, "from {from}");
    }
}

pub async fn a_read_takes_at_least_one_record_however_small_it_is(factory: &impl Factory) {
    let log = factory.create().await;
    let long = "x".repeat(5_000);
    accepted(&*log, append(3, &long)).await;
    let found = settled(|| log.read(&[(PartitionId(3), Offset(0))], 1, NO_WAIT)).await;
    assert_eq!(texts(&found).first(), Some(&long));
}

pub async fn no_partition_starves_another_in_small_reads(factory: &impl Factory) {
    let log = factory.create().await;
    for partition in [0, 1, 2] {
        for number in 0..30 {
            accepted(&*log, append(partition, &number.to_string())).await;
        }
    }
    let positions: Vec<_> = (0..3).map(|id| (PartitionId(id), Offset(0))).collect();
    let mut seen = [false; 3];
    // Partitions come from different nodes, one of which may have to be replaced first.
    for turn in 0..200 {
        for entry in settled(|| log.read(&positions, 1, NO_WAIT)).await {
            seen[entry.partition.0 as usize] = true;
        }
        if seen == [true; 3] {
            break;
        }
        tokio::time::sleep(Duration::from_millis(turn)).await;
    }
    assert_eq!(
        seen, [true; 3],
        "the positions never moved, and all were served"
    );
}

pub async fn a_read_waits_for_the_first_record(factory: &impl Factory) {
    let log = factory.create().await;
    let reader = Arc::clone(&log);
    let positions = [(PartitionId(0), Offset(0)), (PartitionId(1), Offset(0))];
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { settled(|| reader.read(&positions, 1_000, LONG)).await });
    tokio::task::yield_now().await;
    accepted(&*log, append(1, "late")).await;
    let found = tasks.join_next().await.expect("a task").expect("a read");
    assert_eq!(texts(&found).first().map(String::as_str), Some("late"));
}

pub async fn a_read_of_nothing_ends_when_its_wait_does(factory: &impl Factory) {
    let log = factory.create().await;
    let positions = [(PartitionId(0), Offset(0))];
    let wait = Duration::from_millis(20);
    assert_eq!(settled(|| log.read(&positions, 1_000, wait)).await, []);
}

pub async fn the_span_covers_what_can_be_read(factory: &impl Factory) {
    let log = factory.create().await;
    let empty = settled(|| log.span(PartitionId(0))).await;
    assert_eq!(empty.start, empty.end);
    for number in 0..5 {
        accepted(&*log, append(0, &number.to_string())).await;
    }
    let span = settled(|| log.span(PartitionId(0))).await;
    let stored = read_all(&*log, from_start(0)).await;
    let first = stored.first().expect("the first").offset;
    let last = stored.last().expect("the last").offset;
    assert!(span.start <= first && last < span.end, "{span:?}");
    let other = settled(|| log.span(PartitionId(1))).await;
    assert_eq!(other.start, other.end);
}

pub async fn the_oldest_time_is_that_of_the_first_record_from_a_position(factory: &impl Factory) {
    let log = factory.create().await;
    assert_eq!(
        settled(|| log.oldest_at(PartitionId(0), Offset(0))).await,
        None
    );
    for number in 0..4 {
        accepted(&*log, append(0, &number.to_string())).await;
    }
    let stored = read_all(&*log, from_start(0)).await;
    for entry in &stored {
        let oldest = settled(|| log.oldest_at(PartitionId(0), entry.offset)).await;
        assert_eq!(oldest, Some(entry.appended_at));
    }
    let end = stored.last().expect("the last").offset.next();
    assert_eq!(settled(|| log.oldest_at(PartitionId(0), end)).await, None);
}

pub async fn a_committed_hint_is_one_that_was_committed(factory: &impl Factory) {
    let log = factory.create().await;
    assert_eq!(settled(|| log.committed(PartitionId(0))).await, None);
    for offset in [3, 8] {
        let position = [(PartitionId(0), Offset(offset))];
        settled(|| log.commit(&position)).await;
        let hint = settled(|| log.committed(PartitionId(0))).await;
        assert!(hint <= Some(Offset(offset)), "a hint may lag, never lead");
        assert!([None, Some(Offset(3)), Some(Offset(8))].contains(&hint));
    }
    assert_eq!(settled(|| log.committed(PartitionId(1))).await, None);
}

pub async fn release_keeps_what_is_above_the_position_or_not_old_enough(factory: &impl Factory) {
    let log = factory.create().await;
    let mut newest = Millis(0);
    for number in 0..6 {
        for partition in [0, 1] {
            let appended = accepted(&*log, append(partition, &number.to_string())).await;
            newest = newest.max(appended.appended_at);
        }
    }
    let stored = read_all(&*log, from_start(0)).await;
    let middle = stored.get(3).expect("the fourth").offset;

    // Nothing is old enough.
    let half = [(PartitionId(0), middle)];
    settled(|| log.release(&half, Millis(0))).await;
    assert_eq!(read_all(&*log, from_start(0)).await, stored);

    // All are old enough, but only some of one partition lie below.
    let later = newest.saturating_add(1);
    settled(|| log.release(&half, later)).await;
    let rest = read_all(&*log, from_start(0)).await;
    assert!(rest.len() >= stored.iter().filter(|entry| entry.offset >= middle).count());
    assert!(stored.ends_with(&rest));
    assert!(
        read_all(&*log, from_start(1)).await.len() >= 6,
        "not named, not released"
    );

    // What comes after is numbered on.
    let end = settled(|| log.span(PartitionId(0))).await.end;
    let all = [(PartitionId(0), end), (PartitionId(1), Offset(u64::MAX))];
    settled(|| log.release(&all, later)).await;
    let appended = accepted(&*log, append(0, "after")).await;
    assert!(appended.offset >= end);
    let span = settled(|| log.span(PartitionId(0))).await;
    assert!(span.start <= appended.offset && appended.offset < span.end);
}

pub async fn concurrent_appends_are_all_there_in_one_order(factory: &impl Factory) {
    let log = factory.create().await;
    let mut tasks = JoinSet::new();
    for writer in 0..8 {
        let log = Arc::clone(&log);
        tasks.spawn(async move {
            for number in 0..25 {
                accepted(&*log, append(writer % 3, &format!("{writer}/{number}"))).await;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("a writer");
    }
    let positions = (0..3).map(|id| (PartitionId(id), Offset(0))).collect();
    let stored = texts(&read_all(&*log, positions).await);
    for writer in 0..8 {
        let own: Vec<u32> = stored
            .iter()
            .filter_map(|text| text.strip_prefix(&format!("{writer}/"))?.parse().ok())
            .collect();
        assert!(own.is_sorted(), "a writer that waits keeps its order");
        assert!(
            (0..25).all(|number| own.contains(&number)),
            "nothing is lost"
        );
    }
}

pub async fn reopening_keeps_records_and_the_name_of_the_log(factory: &impl Factory) {
    let mut log = factory.create().await;
    let id = log.log_id();
    for round in 0..3 {
        for partition in [0, 3] {
            accepted(&*log, append(partition, &format!("{round}"))).await;
        }
        let positions = vec![(PartitionId(0), Offset(0)), (PartitionId(3), Offset(0))];
        let before = sorted(read_all(&*log, positions.clone()).await);
        let span = settled(|| log.span(PartitionId(3))).await;
        log = factory.reopen(log).await;
        assert_eq!(log.log_id(), id);
        assert!(log.partitions() >= PARTITIONS);
        assert_eq!(sorted(read_all(&*log, positions).await), before);
        assert_eq!(settled(|| log.span(PartitionId(3))).await, span);
    }
}

fn sorted(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_by_key(|entry| (entry.partition, entry.offset));
    entries
}
