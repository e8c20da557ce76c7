//! Workers that share the partitions of one log: whoever owns what, the rows end the same.

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use xchat_adapter_memory::Faults;
use xchat_fanout::worker::{
    Committer, Step,
    run::{Pace, run},
};
use xchat_ports::{EventLog as _, event_log::Change};
use xchat_types::{Offset, PartitionId};

use crate::{
    rig::{PARTITIONS, Rig, assert_same, reference, two_conversations},
    script::short,
    stepping::Stepping,
};

const PACE: Pace = Pace {
    flush: Duration::from_millis(250),
    commit: Duration::from_secs(1),
};

const ONE_AT_A_TIME: Faults = Faults {
    pages_of_one: true,
    ..Faults::none()
};

/// Workers that run until stopped.
struct Fleet {
    running: JoinSet<()>,
    stop: CancellationToken,
}

impl Fleet {
    fn start(rig: &Rig, members: &[&str]) -> Self {
        let stop = CancellationToken::new();
        let mut running = JoinSet::new();
        for member in members {
            running.spawn(run(rig.work(member), PACE, stop.clone()));
        }
        Self { running, stop }
    }

    async fn stop(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.running.join_next().await {
            ended.unwrap();
        }
    }
}

/// What the log was told of each partition, and where each ends.
async fn told(rig: &Rig) -> Vec<(Option<Offset>, Offset)> {
    let mut found = Vec::new();
    for partition in (0..PARTITIONS).map(PartitionId) {
        let committed = rig.log.committed(partition).await.unwrap();
        found.push((committed, rig.log.span(partition).await.unwrap().end));
    }
    found
}

async fn is_all_told(rig: &Rig) -> bool {
    told(rig)
        .await
        .iter()
        .all(|(told, end)| *told == Some(*end))
}

async fn until_all_told(rig: &Rig) {
    let all = async {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let told = told(rig).await;
            if told.iter().all(|(committed, end)| *committed == Some(*end)) {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(10), all)
        .await
        .expect("all is folded and told in the end");
}

#[tokio::test(start_paused = true)]
async fn partitions_that_change_hands_in_the_middle_of_a_run_lose_and_double_nothing() {
    let records = two_conversations(&short());
    let expected = reference(&records).await;
    for pause in [1, 7, 40, 251] {
        let rig = Rig::new(&records);
        rig.log.set_faults(ONE_AT_A_TIME);
        let fleet = Fleet::start(&rig, &["one", "two", "three"]);
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            rig.log.rebalance();
        }
        until_all_told(&rig).await;
        fleet.stop().await;
        assert_same(&rig.table(), &expected, &format!("every {pause} ms"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_does_not_know_that_it_was_taken_for_dead_harms_nothing() {
    let records = two_conversations(&short());
    let expected = reference(&records).await;
    let (early, late) = records.split_at(records.len() / 2);
    let rig = Rig::new(early);
    rig.log.set_faults(ONE_AT_A_TIME);
    let fleet = Fleet::start(&rig, &["one", "two"]);
    tokio::time::sleep(Duration::from_millis(20)).await;
    rig.log.pause_member("one");
    rig.append(late);
    until_all_told(&rig).await;
    rig.log.wake_member("one");
    tokio::time::sleep(Duration::from_secs(5)).await;
    until_all_told(&rig).await;
    fleet.stop().await;
    assert_same(&rig.table(), &expected, "one slept");
}

#[tokio::test(start_paused = true)]
async fn members_on_nasty_engines_fold_all_there_is() {
    let records = two_conversations(&short());
    let expected = reference(&records).await;
    for seed in 0..6 {
        let rig = Rig::new(&records);
        rig.log.set_faults(Faults::nasty(seed));
        rig.store.set_faults(Faults::nasty(seed + 1_000));
        let fleet = Fleet::start(&rig, &["one", "two"]);
        tokio::time::sleep(Duration::from_mins(2)).await;
        rig.log.set_faults(Faults::none());
        rig.store.set_faults(Faults::none());
        until_all_told(&rig).await;
        fleet.stop().await;
        assert_same(&rig.table(), &expected, &format!("seed {seed}"));
    }
}

/// What a worker before it left undone is read again, all of it.
#[tokio::test(start_paused = true)]
async fn a_new_worker_begins_where_the_log_was_told_and_else_at_its_start() {
    let records = two_conversations(&short());
    let rig = Rig::new(&records);
    let begin = async || {
        let mut worker = rig.worker();
        worker.step.open().await;
        worker.step.partitions().positions()
    };
    let [one, other] = [0, 1].map(PartitionId);
    assert_eq!(begin().await, [(one, Offset(0)), (other, Offset(0))]);
    rig.log.commit(&[(other, Offset(5))]).await.unwrap();
    assert_eq!(begin().await, [(one, Offset(0)), (other, Offset(5))]);
}

/// What was folded is told before another gets the partition: it does not begin again.
#[tokio::test(start_paused = true)]
async fn a_revoked_partition_is_flushed_and_told_before_it_is_released() {
    let records = two_conversations(&short());
    let rig = Rig::new(&records);
    let never = Pace {
        flush: Duration::from_hours(1),
        commit: Duration::from_hours(1),
    };
    let stop = CancellationToken::new();
    let mut running = JoinSet::new();
    running.spawn(run(rig.work("one"), never, stop.clone()));
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(told(&rig).await.iter().all(|(told, _)| told.is_none()));
    let mut other = rig.log.join("two").await.unwrap();
    let change = other.next().await.unwrap();
    let Change::Assigned(ids) = change else {
        panic!("{change:?}");
    };
    for id in ids {
        let end = rig.log.span(id).await.unwrap().end;
        assert_eq!(rig.log.committed(id).await.unwrap(), Some(end));
    }
    stop.cancel();
    running.join_next().await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_was_put_out_of_the_group_joins_again() {
    let records = two_conversations(&short());
    let expected = reference(&records).await;
    let rig = Rig::new(&records[..records.len() / 2]);
    let fleet = Fleet::start(&rig, &["one"]);
    until_all_told(&rig).await;
    rig.log.fence_member("one");
    rig.append(&records[records.len() / 2..]);
    until_all_told(&rig).await;
    fleet.stop().await;
    assert_same(&rig.table(), &expected, "fenced in the middle");
}

#[tokio::test]
async fn offsets_of_partitions_that_leave_while_the_store_syncs_are_not_told() {
    let rig = Rig::new(&two_conversations(&short()));
    let (mut step, committer) = syncing(&rig);
    fold(&mut step).await;
    let mut commit = Box::pin(committer.commit());
    assert!((&mut commit).now_or_never().is_none(), "it does not sync");
    let [left, kept] = [0, 1].map(PartitionId);
    step.forget(&[left]);
    commit.await.unwrap();
    assert_eq!(rig.log.committed(left).await.unwrap(), None);
    assert!(rig.log.committed(kept).await.unwrap().is_some());
    // It comes back, and is folded to where it was.
    step.assign([left]);
    fold(&mut step).await;
    committer.commit().await.unwrap();
    assert!(rig.log.committed(left).await.unwrap().is_some());
}

/// A worker in parts, on a store whose sync is not done at the first poll.
fn syncing(rig: &Rig) -> (Step, Committer) {
    let store = Stepping::new(Arc::new(rig.store.clone()), u32::MAX);
    let worker = rig.worker_on(Arc::new(rig.log.clone()), Arc::new(store));
    (worker.step, worker.committer)
}

/// One read, folded and flushed.
async fn fold(step: &mut Step) {
    step.open().await;
    let entries = step.read(Duration::ZERO).await.unwrap();
    step.fold(entries).await;
    step.flush().await.unwrap();
}

/// What is told is never less than before, and what is not synced is told by nobody.
#[tokio::test]
async fn commits_that_overlap_tell_only_what_was_synced_and_never_go_back() {
    let records = two_conversations(&short());
    let (early, late) = records.split_at(records.len() / 2);
    let rig = Rig::new(early);
    let (mut step, committer) = syncing(&rig);
    fold(&mut step).await;
    let mut first = Box::pin(committer.commit());
    assert!((&mut first).now_or_never().is_none(), "it does not sync");
    rig.append(late);
    fold(&mut step).await;
    let mut second = Box::pin(committer.commit());
    assert!((&mut second).now_or_never().is_none(), "it does not sync");
    committer.commit().await.unwrap();
    assert!(told(&rig).await.iter().all(|(told, _)| told.is_none()));
    second.await.unwrap();
    assert!(is_all_told(&rig).await);
    first.await.unwrap();
    assert!(is_all_told(&rig).await);
}

#[tokio::test]
async fn a_commit_that_came_to_nothing_is_begun_again() {
    let rig = Rig::new(&two_conversations(&short()));
    let (mut step, committer) = syncing(&rig);
    fold(&mut step).await;
    assert!(
        committer.commit().now_or_never().is_none(),
        "it does not sync"
    );
    committer.commit().await.unwrap();
    assert!(is_all_told(&rig).await);
}

/// Whoever follows a worker that was killed folds so much again.
#[tokio::test(start_paused = true)]
async fn a_store_that_syncs_slowly_holds_back_one_sync_and_not_two() {
    const SYNC: Duration = Duration::from_secs(10);
    let records = two_conversations(&short());
    let rig = Rig::new(&[]);
    let store = Stepping::syncing(Arc::new(rig.store.clone()), SYNC);
    let stop = CancellationToken::new();
    let mut running = JoinSet::new();
    running.spawn(run(rig.work_on("one", Arc::new(store)), PACE, stop.clone()));
    let mut written = Vec::new();
    for record in &records {
        rig.append(std::slice::from_ref(record));
        let mut ends = 0;
        for (_, end) in told(&rig).await {
            ends += end.0;
        }
        written.push(ends);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let told: u64 = told(&rig)
        .await
        .iter()
        .map(|(told, _)| told.map_or(0, |told| told.0))
        .sum();
    let patience = (SYNC + PACE.commit + PACE.flush).as_secs() + 1;
    let due = written[written.len() - usize::try_from(patience).unwrap()];
    assert!(told >= due, "{told} of {due} are told after {patience} s");
    stop.cancel();
    running.join_next().await.unwrap().unwrap();
}

#[tokio::test]
async fn what_is_revoked_is_not_left_to_a_commit_that_is_under_way() {
    let rig = Rig::new(&two_conversations(&short()));
    let (mut step, committer) = syncing(&rig);
    fold(&mut step).await;
    let mut first = Box::pin(committer.commit());
    assert!((&mut first).now_or_never().is_none(), "it does not sync");
    committer.commit_now().await.unwrap();
    assert!(is_all_told(&rig).await);
    first.await.unwrap();
}

/// The log may lose what it was told.
#[tokio::test(start_paused = true)]
async fn a_log_is_told_all_again_also_when_that_came_to_nothing_once() {
    let records = two_conversations(&short());
    let (early, late) = records.split_at(records.len() - 1);
    let rig = Rig::new(early);
    let (mut step, committer) = syncing(&rig);
    fold(&mut step).await;
    committer.commit().await.unwrap();
    for partition in [0, 1].map(PartitionId) {
        rig.log.commit(&[(partition, Offset(0))]).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(31)).await;
    rig.append(late);
    fold(&mut step).await;
    assert!(
        committer.commit().now_or_never().is_none(),
        "it does not sync"
    );
    committer.commit().await.unwrap();
    assert!(is_all_told(&rig).await);
}
