//! Whatever happens to workers, the rows end the same, byte for byte.

use std::{future::Future, pin::pin, sync::Arc, task::Poll};

use xchat_adapter_memory::{Faults, SeededRng};
use xchat_fanout::domain::Logged;
use xchat_ports::{EventLog as _, ambient::random};
use xchat_types::Offset;

use crate::{
    rig::{Rig, assert_same, conversation, reference, two_conversations},
    script::{full, play, short},
    stepping::Stepping,
};

const ONE_AT_A_TIME: Faults = Faults {
    pages_of_one: true,
    ..Faults::none()
};

/// Random numbers of a test, from its seed.
struct Dice(SeededRng);

impl Dice {
    fn below(&self, bound: u64) -> u64 {
        u64::from_le_bytes(random(&self.0)) % bound.max(1)
    }
}

/// Folds about `count` records without telling the log; then tells it, of each partition, of the
/// folded part that ends before `untold` in a hundred of it.
async fn fold_some(rig: &Rig, count: usize, untold: u64) {
    rig.log.set_faults(ONE_AT_A_TIME);
    let mut worker = rig.worker();
    for _ in 0..count {
        worker.turn(false).await;
    }
    rig.log.set_faults(Faults::none());
    for (partition, next) in worker.step.partitions().positions() {
        let told = Offset(next.0 * (100 - untold) / 100);
        rig.log.commit(&[(partition, told)]).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn replaying_from_any_checkpoint_writes_identical_rows() {
    let records = two_conversations(&full());
    let expected = reference(&records).await;
    for folded in (0..records.len()).step_by(13) {
        for untold in [0, 30, 100] {
            let rig = Rig::new(&records);
            fold_some(&rig, folded, untold).await;
            rig.worker().drain(true).await;
            let what = format!("{folded} folded, {untold} % of them not told");
            assert_same(&rig.table(), &expected, &what);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_killed_between_any_two_calls_of_the_store_changes_nothing() {
    let records = play(conversation(0xc0), &short());
    let expected = reference(&records).await;
    let mut kills = 0;
    for budget in 0.. {
        let rig = Rig::new(&records);
        rig.log.set_faults(ONE_AT_A_TIME);
        let store = Stepping::new(Arc::new(rig.store.clone()), budget);
        let mut worker = rig.worker_on(Arc::new(rig.log.clone()), Arc::new(store.clone()));
        let drained = tokio::time::timeout(std::time::Duration::from_mins(10), worker.drain(true));
        if drained.await.is_ok() {
            break;
        }
        kills += 1;
        drop(worker);
        rig.worker().drain(true).await;
        assert_same(
            &rig.table(),
            &expected,
            &format!("killed before call {budget}"),
        );
    }
    assert!(kills > 50, "{kills} places to be killed at");
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_a_killed_worker_tore_is_written_again() {
    let records = two_conversations(&short());
    let expected = reference(&records).await;
    for seed in 0..40 {
        let dice = Dice(SeededRng::new(seed));
        let rig = Rig::new(&records);
        rig.store.set_faults(Faults {
            seed,
            narrow_quorum: true,
            ..Faults::none()
        });
        rig.log.set_faults(ONE_AT_A_TIME);
        let store = rig.store.clone();
        store.kill_after_writes(u32::try_from(dice.below(90)).unwrap());
        let mut worker = rig.worker_on(Arc::new(rig.log.clone()), Arc::new(store));
        for _ in 0..dice.below(40) {
            worker.turn(true).await;
        }
        drop(worker);
        rig.worker().drain(true).await;
        assert_same(&rig.table(), &expected, &format!("seed {seed}"));
    }
}

/// Polls two futures in an order of the dice until both are done.
async fn interleave(dice: &Dice, one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut one_done, mut other_done) = (false, false);
    while !(one_done && other_done) {
        let first = !one_done && (other_done || dice.below(2) == 0);
        std::future::poll_fn(|context| {
            if first {
                one_done = one.as_mut().poll(context).is_ready();
            } else {
                other_done = other.as_mut().poll(context).is_ready();
            }
            Poll::Ready(())
        })
        .await;
        if dice.below(4) == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(60)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_workers_on_one_partition_write_what_one_would() {
    let records = play(conversation(0xc0), &short());
    let expected = reference(&records).await;
    for seed in 0..40 {
        let dice = Dice(SeededRng::new(seed));
        let rig = Rig::new(&records);
        rig.log.set_faults(ONE_AT_A_TIME);
        let on = || {
            let store = Stepping::new(Arc::new(rig.store.clone()), u32::MAX);
            rig.worker_on(Arc::new(rig.log.clone()), Arc::new(store))
        };
        let (mut owner, mut zombie) = (on(), on());
        interleave(&dice, owner.drain(true), zombie.drain(true)).await;
        assert_same(&rig.table(), &expected, &format!("seed {seed}"));
    }
}

#[tokio::test(start_paused = true)]
async fn engines_that_refuse_forget_and_tear_only_cost_time() {
    let records = two_conversations(&short());
    let expected = reference(&records).await;
    for seed in 0..20 {
        let rig = Rig::new(&records);
        rig.log.set_faults(Faults::nasty(seed));
        rig.store.set_faults(Faults::nasty(seed + 1_000));
        let mut worker = rig.worker();
        for _ in 0..30 {
            worker.turn(true).await;
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
        let mut zombie = rig.worker();
        zombie.turn(true).await;
        worker.drain(true).await;
        rig.store.set_faults(Faults::none());
        zombie.drain(true).await;
        assert_same(&rig.table(), &expected, &format!("seed {seed}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_power_cut_loses_nothing_because_offsets_wait_for_the_stores_sync() {
    let records = play(conversation(0xc0), &short());
    let expected = reference(&records).await;
    for seed in 0..40 {
        let dice = Dice(SeededRng::new(seed));
        let rig = Rig::new(&records);
        rig.store.set_faults(Faults {
            seed,
            ..Faults::none()
        });
        rig.log.set_faults(ONE_AT_A_TIME);
        let mut worker = rig.worker();
        for _ in 0..dice.below(40) {
            let commits = dice.below(3) == 0;
            worker.turn(commits).await;
        }
        drop(worker);
        rig.store.cut_power();
        rig.worker().drain(true).await;
        assert_same(&rig.table(), &expected, &format!("seed {seed}"));
    }
}

/// Nothing of a log is lost on the way into the test.
#[tokio::test(start_paused = true)]
async fn the_reference_holds_a_recent_row_for_every_record() {
    let records: Vec<Logged> = two_conversations(&short());
    let table = reference(&records).await;
    let recents = table
        .keys()
        .filter(|key| {
            matches!(
                key,
                xchat_adapter_memory::CellKey::Conversation(
                    _,
                    xchat_ports::message_store::RowKey::Recent(..)
                )
            )
        })
        .count();
    assert_eq!(recents, records.len());
}
