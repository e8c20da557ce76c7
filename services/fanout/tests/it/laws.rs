//! The laws of the fold and of its worker, one by one.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use xchat_adapter_memory::{CellKey, Faults, MemoryEventLog, MemoryMessageStore};
use xchat_fanout::{
    domain::{Conversation, Logged, Member, Record, effects::Envelope, fold, head::Head},
    rows::Row as _,
    store::{Conversations, mutation},
};
use xchat_ports::{Clock, EventLog as _, MessageStore as _, message_store::RowKey};
use xchat_types::{
    Bucket, ControlKind, ConversationId, Epoch, Incarnation, Offset, Outcome, PartitionId,
    RefuseReason, Sequence,
};

use crate::{
    person::{DAY, Person},
    rig::{Rig, Table, assert_same, reference},
    script::{Act, Say, commit, control, play, say, short},
    stepping::Stepping,
    world::{CONVERSATION, START, World},
};

const PARTITION: PartitionId = PartitionId(0);

fn history() -> Vec<Logged> {
    play(CONVERSATION, &short())
}

/// The head that the store holds, as any replica would tell it.
fn head(store: &MemoryMessageStore, id: ConversationId) -> Head {
    let rows = store.rows();
    let (_, head) = &rows[&CellKey::Conversation(id, RowKey::Head)];
    Head::decode(head).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_mutation_that_one_replica_holds_is_written_again_before_the_fold_goes_on() {
    let records = history();
    let expected = reference(&records).await;
    for folded in 1..records.len() {
        let torn = {
            let ahead = Rig::new(&records[..=folded]);
            ahead.worker().drain(false).await;
            mutation::of(CONVERSATION, &head(&ahead.store, CONVERSATION)).unwrap()
        };
        for seed in 0..6 {
            let rig = Rig::new(&records[..folded]);
            rig.worker().drain(true).await;
            rig.append(&records[folded..]);
            rig.store.mutate_on(0b001, &torn);
            rig.store.set_faults(Faults {
                seed,
                narrow_quorum: true,
                ..Faults::none()
            });
            // A new worker for each record: what it knows it has read.
            rig.log.set_faults(Faults {
                pages_of_one: true,
                ..Faults::none()
            });
            for _ in folded..records.len() {
                rig.worker().turn(true).await;
            }
            rig.worker().drain(false).await;
            assert_same(
                &rig.table(),
                &expected,
                &format!("{folded} folded, seed {seed}"),
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_head_names_is_there_before_the_head() {
    let records = history();
    let rig = Rig::new(&records);
    let store = rig.store.clone();
    let seen = Arc::new(Mutex::new(0_u64));
    let hook = {
        let seen = Arc::clone(&seen);
        move |_| {
            let rows = store.rows();
            let Some((_, row)) = rows.get(&CellKey::Conversation(CONVERSATION, RowKey::Head))
            else {
                return;
            };
            let head = Head::decode(row).unwrap();
            *seen.lock().unwrap() = head.sequence.0;
            for sequence in (1..=head.sequence.0).map(Sequence) {
                let key = CellKey::Envelope(CONVERSATION, sequence);
                assert!(rows.contains_key(&key), "{sequence} has its envelope");
            }
            for epoch in (0..=head.group.unwrap().epoch.0).map(Epoch) {
                let key = CellKey::GroupState(CONVERSATION, Incarnation(0), epoch);
                assert!(rows.contains_key(&key), "epoch {epoch} has its state");
            }
        }
    };
    let store = Stepping::hooked(Arc::new(rig.store.clone()), hook);
    let mut worker = rig.worker_on(Arc::new(rig.log.clone()), Arc::new(store));
    worker.drain(true).await;
    assert_eq!(
        *seen.lock().unwrap(),
        head(&rig.store, CONVERSATION).sequence.0
    );
}

/// Only the fold parks: what can't be read now is read later.
#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_is_waited_for_and_nothing_is_parked() {
    let records = history();
    let expected = reference(&records).await;
    let rig = Rig::new(&records);
    // One record at a time, so that each that needs the group reads it.
    rig.log.set_faults(Faults {
        pages_of_one: true,
        ..Faults::none()
    });
    let silent = Arc::new(Mutex::new(0_u32));
    let hook = {
        let (store, silent) = (rig.store.clone(), Arc::clone(&silent));
        move |method| {
            let mut silent = silent.lock().unwrap();
            // Two of three times.
            let refuses = method == "read_group_states" && {
                *silent += 1;
                !silent.is_multiple_of(3)
            };
            store.set_faults(Faults {
                refused: if refuses { 1_000 } else { 0 },
                ..Faults::none()
            });
        }
    };
    let store = Stepping::hooked(Arc::new(rig.store.clone()), hook);
    rig.worker_on(Arc::new(rig.log.clone()), Arc::new(store))
        .drain(true)
        .await;
    assert_same(&rig.table(), &expected, "a group that could not be read");
    assert!(*silent.lock().unwrap() >= 9, "three records need the group");
}

#[tokio::test(start_paused = true)]
async fn an_offset_waits_for_the_marks_of_its_records() {
    let records = history();
    let rig = Rig::new(&records);
    let mut worker = rig.worker();
    worker.fold().await.unwrap();
    worker.committer.commit().await.unwrap();
    assert_eq!(rig.log.committed(PARTITION).await.unwrap(), None);
    worker.step.flush().await.unwrap();
    worker.committer.commit().await.unwrap();
    let end = Offset(records.len() as u64);
    assert_eq!(rig.log.committed(PARTITION).await.unwrap(), Some(end));
}

#[tokio::test(start_paused = true)]
async fn members_are_reminded_of_records_whose_recent_rows_are_gone_with_their_day() {
    let acts = [Act::Genesis { who: 0 }, commit(0, Some((true, 1))), say(0)];
    let rig = Rig::new(&play(CONVERSATION, &acts));
    let mut dying = rig.worker();
    dying.fold().await.unwrap();
    drop(dying);
    let marks = |table: &Table| {
        let marks = table
            .iter()
            .filter(|(key, _)| matches!(key, CellKey::Mark(..)));
        marks
            .map(|(_, (sequence, _))| *sequence)
            .collect::<Vec<_>>()
    };
    assert!(marks(&rig.table()).is_empty(), "it died before its marks");
    rig.clock.advance(26 * 3_600_000);
    rig.worker().drain(true).await;
    assert_eq!(marks(&rig.table()), [3, 3], "both are told of the head");
}

#[tokio::test(start_paused = true)]
async fn a_record_stamped_ahead_of_the_clock_stops_its_partition_until_the_clock_is_near() {
    let rig = Rig::new(&history());
    let last = rig.clock.now();
    rig.clock.set(last.saturating_sub(300_200));
    let mut worker = rig.worker();
    for _ in 0..20 {
        worker.turn(true).await;
        tokio::time::sleep(Duration::from_secs(31)).await;
    }
    assert!(rig.table().is_empty(), "nothing was folded");
    rig.clock.set(last.saturating_sub(299_000));
    worker.drain(true).await;
    assert!(!rig.table().is_empty());
}

/// A log with the id of `Rig::new`'s, and only some of the records.
fn shorter_log(rig: &Rig, records: &[Logged]) -> MemoryEventLog {
    let other = Rig::new(records);
    assert_eq!(other.log.log_id(), rig.log.log_id());
    other.log
}

#[tokio::test(start_paused = true)]
async fn a_log_that_has_lost_folded_records_stops_the_partition() {
    let records = history();
    let rig = Rig::new(&records);
    rig.worker().drain(true).await;
    let before = rig.table();

    let log = shorter_log(&rig, &records[..5]);
    let mut worker = rig.worker_on(Arc::new(log), Arc::new(rig.store.clone()));
    worker.turn(true).await;
    worker.turn(true).await;
    assert!(
        worker.step.partitions().is_stopped(PARTITION),
        "ends below the checkpoint"
    );

    let log = shorter_log(&rig, &records[..5]);
    log.commit(&[(PARTITION, Offset(9))]).await.unwrap();
    let mut worker = rig.worker_on(Arc::new(log), Arc::new(rig.store.clone()));
    worker.turn(true).await;
    assert!(
        worker.step.partitions().is_stopped(PARTITION),
        "ends below the committed offset"
    );

    let log = shorter_log(&rig, &records);
    log.release(&[(PARTITION, Offset(6))], rig.clock.now())
        .await
        .unwrap();
    log.commit(&[(PARTITION, Offset(2))]).await.unwrap();
    let mut worker = rig.worker_on(Arc::new(log), Arc::new(rig.store.clone()));
    worker.turn(true).await;
    assert!(
        worker.step.partitions().is_stopped(PARTITION),
        "starts above the committed offset"
    );
    assert_eq!(rig.table(), before, "and nothing was folded on top");
}

/// The end of the log is lost, and before a worker looks others have appended beyond it.
#[tokio::test(start_paused = true)]
async fn a_log_that_has_other_records_where_some_were_folded_stops_the_partition() {
    let records = history();
    let rig = Rig::new(&records);
    rig.worker().drain(true).await;
    let before = rig.table();

    let mut other = records[..5].to_vec();
    let said = records[5..].iter().rev().map(|logged| Logged {
        appended_at: records.last().unwrap().appended_at,
        ..logged.clone()
    });
    other.extend(said.clone().chain(said));
    let log = shorter_log(&rig, &other);
    log.commit(&[(PARTITION, Offset(3))]).await.unwrap();
    let mut worker = rig.worker_on(Arc::new(log), Arc::new(rig.store.clone()));
    worker.turn(true).await;
    assert!(worker.step.partitions().is_stopped(PARTITION));
    assert_eq!(rig.table(), before, "and nothing was folded on top");
}

#[tokio::test(start_paused = true)]
async fn under_another_log_id_nothing_counts_as_folded_and_counters_absorb_it() {
    let acts = [Act::Genesis { who: 0 }, commit(0, Some((true, 1))), say(0)];
    let records = play(CONVERSATION, &acts);
    let rig = Rig::new(&records);
    rig.worker().drain(true).await;
    let before = head(&rig.store, CONVERSATION);

    let clock: Arc<dyn Clock> = Arc::clone(&rig.clock) as _;
    let restored = Rig {
        log: MemoryEventLog::with_faults(
            2,
            clock,
            Faults {
                seed: 9,
                ..Faults::none()
            },
        ),
        ..Rig::new(&[])
    };
    assert_ne!(restored.log.log_id(), rig.log.log_id());
    restored.append(&records);
    rig.worker_on(Arc::new(restored.log.clone()), Arc::new(rig.store.clone()))
        .drain(true)
        .await;
    let after = head(&rig.store, CONVERSATION);
    assert_eq!(
        after.sequence, before.sequence,
        "all of them were duplicates"
    );
    assert_eq!(after.hash, before.hash);
    assert_eq!(after.checkpoint.unwrap().log, restored.log.log_id());
}

#[test]
fn of_sixteen_commits_for_one_epoch_one_is_accepted_and_everybody_goes_on_with_it() {
    let mut world = World::crowd(16, 15, true);
    for _round in 0..2 {
        let epoch = world.epoch();
        let made: Vec<Bytes> = (0..16)
            .map(|who| world.commit(who, None).unwrap().encode())
            .collect();
        let outcomes: Vec<_> = made
            .into_iter()
            .map(|bytes| world.append(bytes).0)
            .collect();
        let applied = outcomes
            .iter()
            .filter(|outcome| outcome.sequence().is_some())
            .count();
        assert_eq!(applied, 1);
        let stale = Outcome::Refused(RefuseReason::StaleEpoch);
        assert_eq!(
            outcomes.iter().filter(|outcome| **outcome == stale).count(),
            15
        );
        assert_eq!(world.epoch(), epoch.next());
        let groups: Vec<_> = world
            .people
            .iter()
            .map(|p| p.group.as_ref().unwrap())
            .collect();
        assert!(groups.iter().all(|group| group.epoch() == world.epoch()));
        let authenticator = groups[0].epoch_authenticator();
        assert!(
            groups
                .iter()
                .all(|group| group.epoch_authenticator() == authenticator)
        );
    }
}

#[test]
fn an_envelope_of_an_older_epoch_counts_only_while_nobody_came_or_went() {
    let mut world = World::new();
    let older = |lag| {
        Act::Say(Say {
            who: 0,
            size: 9,
            lag,
            off: 0,
            class: 3,
            expired: false,
        })
    };
    let mut last = |acts: &[Act]| {
        let mut last = None;
        for act in acts {
            for (bytes, _) in crate::script::records(&mut world, act) {
                last = Some(world.append(bytes).0);
            }
        }
        last.unwrap()
    };
    let stale = Outcome::Refused(RefuseReason::StaleEpoch);
    let accept = control(1, ControlKind::Accept);
    last(&[Act::Genesis { who: 0 }, commit(0, Some((true, 1))), accept]);
    last(&[commit(0, None), commit(1, None), commit(0, None)]);
    assert_eq!(last(&[older(3)]), Outcome::Applied(Sequence(7)));
    assert_eq!(last(&[older(4)]), stale, "bob came after it");
    assert_eq!(last(&[commit(1, None), older(4)]), stale, "too old");
    assert_eq!(last(&[older(3)]), Outcome::Applied(Sequence(9)));
    let added = commit(0, Some((true, 2)));
    assert_eq!(last(&[added, older(1)]), stale, "carol could not read it");
    let left = [control(1, ControlKind::Leave), commit(0, Some((false, 1)))];
    assert_eq!(last(&[left[0].clone(), older(1)]), stale, "bob has left");
    assert_eq!(last(&[left[1].clone(), older(1)]), stale, "bob is out");
    assert_eq!(last(&[older(0)]), Outcome::Applied(Sequence(13)));
}

#[test]
fn above_a_hundred_devices_only_the_record_that_lifts_them_there_is_marked() {
    let mut world = World::crowd(101, 1, false);
    let marked: Vec<_> = {
        let mut conversation = Conversation::unborn(CONVERSATION);
        let mut marked = Vec::new();
        for logged in &world.log {
            let record = Record::decode(&CONVERSATION, &logged.bytes).unwrap();
            conversation
                .senders
                .entry(record.header.sender)
                .or_default();
            let folded = fold(conversation, logged).unwrap();
            conversation = folded.conversation;
            marked.push(folded.effects.marked);
        }
        marked
    };
    assert_eq!(marked[..2], [Some(Sequence(1)), Some(Sequence(2))]);
    assert!(marked[2..].iter().all(Option::is_none));
    let said = world.people[1].say(world.spot(1), 9, Bucket::assign(*START, *START, DAY));
    let (_, effects) = world.append(said.encode());
    assert_eq!(effects.audience.len(), 101);
    assert_eq!(effects.marked, None);
}

#[test]
fn an_invited_device_gets_one_envelope_and_nothing_more_until_it_accepts() {
    let mut world = World::new();
    let acts = [
        Act::Genesis { who: 0 },
        commit(0, Some((true, 1))),
        say(0),
        say(0),
        commit(0, None),
        commit(0, Some((true, 2))),
        control(2, ControlKind::Accept),
        say(0),
        control(1, ControlKind::Accept),
        say(0),
    ];
    let bob = world.people[1].id();
    let mut delivered = Vec::new();
    for act in &acts {
        for (bytes, _) in crate::script::records(&mut world, act) {
            let (outcome, effects) = world.append(bytes);
            if effects.audience.contains(&bob) {
                delivered.push(outcome.sequence().unwrap().0);
            }
        }
    }
    let member: &Member = world.conversation.members.get(&bob).unwrap();
    let span = member.active().unwrap();
    assert_eq!(
        delivered,
        [3, 8, 9],
        "its envelope, its own accept, and what follows"
    );
    assert_eq!(
        span.readable_through(Sequence(9)),
        Sequence(9),
        "now it may read all of it"
    );
    assert_eq!(
        (span.joined, span.request),
        (Sequence(2), Some(Sequence(3)))
    );
}

#[test]
fn who_declines_is_told_so_for_no_stub_reaches_it_any_more() {
    let mut world = World::new();
    let acts = [
        Act::Genesis { who: 0 },
        commit(0, Some((true, 1))),
        say(0),
        control(1, ControlKind::Decline),
    ];
    let mut last = None;
    for act in &acts {
        for (bytes, _) in crate::script::records(&mut world, act) {
            last = Some(world.append(bytes));
        }
    }
    let (outcome, effects) = last.unwrap();
    let bob = world.people[1].id();
    assert_eq!(outcome, Outcome::Applied(Sequence(4)));
    assert!(!effects.audience.contains(&bob));
    let told = effects.told.unwrap();
    assert_eq!((told.device, told.outcome), (bob, outcome));
}

#[test]
fn group_states_that_nothing_needs_are_deleted_31_days_after_a_newer_snapshot() {
    let mut world = World::new();
    world.now = START.saturating_sub(40 * DAY);
    let spot = world.spot(0);
    let genesis = world.people[0].genesis(spot);
    world.append(genesis.encode());
    for (days, whom, obsolete) in [(38, 1, None), (5, 2, Some(Epoch(1))), (1, 3, None)] {
        world.now = START.saturating_sub(days * DAY);
        let added = world.commit(0, Some((true, whom))).unwrap();
        let (outcome, effects) = world.append(added.encode());
        assert!(outcome.sequence().is_some(), "{outcome:?}");
        assert_eq!(
            effects.obsolete,
            obsolete.map(|epoch| (Incarnation(0), epoch))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_payload_whose_bucket_ended_an_hour_before_the_append_leaves_its_header_alone() {
    let mut world = World::new();
    let spot = world.spot(0);
    let genesis = world.people[0].genesis(spot);
    world.append(genesis.encode());
    for minutes in [59, 62] {
        let ended = world.now.saturating_sub(minutes * 60_000);
        let bucket = Bucket::assign(ended, ended, 1_000);
        let said = world.people[0].say(world.spot(0), 9, bucket);
        let (_, effects) = world.append(said.encode());
        assert_eq!(
            effects.payload.is_some(),
            minutes == 59,
            "ended {minutes} minutes ago"
        );
    }
    let rig = Rig::new(&world.log);
    rig.clock.set(*START);
    rig.worker().drain(true).await;
    let envelopes = rig
        .store
        .read_envelopes(CONVERSATION, Sequence(1), Sequence(3), 10)
        .await
        .unwrap();
    let payloads: Vec<_> = envelopes.iter().map(|row| row.payload.is_some()).collect();
    assert_eq!(payloads, [true, false]);
    let tombstone = Envelope::from_row(&CONVERSATION, Sequence(3), &envelopes[1].value).unwrap();
    assert_eq!(
        tombstone.head_hash,
        head(&rig.store, CONVERSATION).hash,
        "still in the chain"
    );
}

#[tokio::test(start_paused = true)]
async fn counters_are_gapless_whichever_worker_folds_them() {
    let records = history();
    let rig = Rig::new(&records);
    let handle = Conversations {
        store: Arc::new(rig.store.clone()),
    };
    for cut in 0..records.len() {
        let mut worker = rig.worker();
        rig.log.set_faults(Faults {
            pages_of_one: true,
            ..Faults::none()
        });
        worker.turn(true).await;
        let conversation = handle.load(CONVERSATION).await.unwrap();
        assert_eq!(
            conversation.head.checkpoint.map(|place| place.offset),
            Some(Offset(cut as u64))
        );
    }
    let keys: Vec<_> = [1, 2]
        .map(|n| RowKey::Sender(Person::new(n, n).id()))
        .into();
    let view = handle.view(CONVERSATION, &keys).await.unwrap();
    for sender in view.senders.values() {
        let counters: Vec<_> = sender.answers().map(|(counter, _)| counter.0).collect();
        assert_eq!(counters, (1..=sender.last.0).collect::<Vec<_>>());
    }
    assert_eq!(view.senders.len(), 2);
}
