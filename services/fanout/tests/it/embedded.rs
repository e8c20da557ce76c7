//! The same on the household's engines: stopped, killed, with two workers at once.

use std::{path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use xchat_adapter_embedded::{EmbeddedEventLog, EmbeddedMessageStore, LogOptions};
use xchat_adapter_memory::{ManualClock, SeededRng};
use xchat_fanout::domain::Logged;
use xchat_ports::{EventLog, MessageStore, event_log::Append, message_store::RowKey};
use xchat_types::{Epoch, Incarnation, Offset, PartitionId, Sequence};

use crate::{
    house::{House, quick},
    rig::{Rig, Worker},
    script::{Act, commit, control, play, records, say, short},
    stepping::Stepping,
    world::{CONVERSATION, START, World},
};

const PARTITION: PartitionId = PartitionId(0);

fn open(
    folder: &Path,
    clock: &Arc<ManualClock>,
) -> (Arc<EmbeddedEventLog>, Arc<EmbeddedMessageStore>) {
    let store = EmbeddedMessageStore::open(&folder.join("store"), Arc::clone(clock) as _).unwrap();
    let options = LogOptions {
        partitions: 2,
        ..LogOptions::default()
    };
    let log = EmbeddedEventLog::open(
        &folder.join("log"),
        options,
        Arc::clone(clock) as _,
        &SeededRng::new(3),
        Arc::new(store.clone()),
    );
    (Arc::new(log.unwrap()), Arc::new(store))
}

async fn append(log: &dyn EventLog, clock: &ManualClock, records: &[Logged]) {
    for logged in records {
        clock.set(logged.appended_at);
        let append = Append {
            partition: PARTITION,
            conversation: logged.conversation,
            record: logged.bytes.clone(),
            trace: None,
        };
        log.append(vec![append]).await.pop().unwrap().unwrap();
    }
}

/// Everything that a reader can find of the conversation.
async fn dump(store: &dyn MessageStore, records: &[Logged]) -> Vec<(String, Bytes)> {
    let world = World::new();
    let mut rows = Vec::new();
    let mut keys: Vec<_> = (0..records.len() as u64)
        .map(|offset| RowKey::Recent(PARTITION, Offset(offset)))
        .collect();
    keys.extend(
        world
            .people
            .iter()
            .map(|person| RowKey::Sender(person.id())),
    );
    for read in [
        store.read_rows(CONVERSATION, &keys).await.unwrap(),
        store.read_members(CONVERSATION).await.unwrap(),
    ] {
        let (stamp, head) = read.head.unwrap();
        rows.push((format!("head {stamp:?}"), head));
        rows.extend(
            read.rows
                .into_iter()
                .map(|(key, row)| (format!("{key:?}"), row)),
        );
    }
    let through = Sequence(records.len() as u64);
    let all = store
        .read_envelopes(CONVERSATION, Sequence(0), through, 1_000)
        .await
        .unwrap();
    for envelope in all {
        rows.push((format!("envelope {}", envelope.sequence), envelope.value));
        let payload = envelope.payload.unwrap_or_default();
        rows.push((format!("payload {}", envelope.sequence), payload));
    }
    let states = store
        .read_group_states(CONVERSATION, Incarnation(0), Epoch(0), Epoch(99))
        .await
        .unwrap();
    rows.extend(
        states
            .into_iter()
            .map(|(epoch, row)| (format!("epoch {epoch}"), row)),
    );
    for person in &world.people {
        let device = person.id();
        let welcomes = store.read_welcomes(device).await.unwrap();
        rows.extend(
            welcomes
                .into_iter()
                .map(|(key, row)| (format!("{device:?} {key:?}"), row)),
        );
        let marks = store.read_marks(device, None, 100).await.unwrap();
        rows.extend(
            marks
                .into_iter()
                .map(|mark| (format!("{mark:?}"), Bytes::new())),
        );
    }
    rows
}

fn worker(
    clock: &Arc<ManualClock>,
    log: &Arc<EmbeddedEventLog>,
    store: Arc<dyn MessageStore>,
) -> Worker {
    let mut rig = Rig::new(&[]);
    rig.clock = Arc::clone(clock);
    rig.worker_on(Arc::clone(log) as _, store)
}

#[tokio::test]
async fn killed_workers_and_zombies_leave_the_same_rows_in_the_embedded_store() {
    let records = play(CONVERSATION, &short());
    let clock = Arc::new(ManualClock::new(*START));
    let clean = tempfile::tempdir().unwrap();
    let (log, store) = open(clean.path(), &clock);
    append(&*log, &clock, &records).await;
    worker(&clock, &log, Arc::clone(&store) as _)
        .drain(true)
        .await;
    let expected = dump(&*store, &records).await;
    assert!(expected.len() > 40);

    for budget in 1..9 {
        let folder = tempfile::tempdir().unwrap();
        let (log, store) = open(folder.path(), &clock);
        append(&*log, &clock, &records).await;
        let killed: Arc<dyn MessageStore> =
            Arc::new(Stepping::new(Arc::clone(&store) as _, budget * 4));
        let mut first = worker(&clock, &log, killed);
        let _ = tokio::time::timeout(Duration::from_millis(150), first.drain(true)).await;
        let mut zombie = worker(&clock, &log, Arc::clone(&store) as _);
        zombie.turn(false).await;
        worker(&clock, &log, Arc::clone(&store) as _)
            .drain(true)
            .await;
        zombie.turn(true).await;
        let found = dump(&*store, &records).await;
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert!(found == expected, "{} differs from {}", found.0, expected.0);
        }
    }
}

#[tokio::test]
async fn a_restarted_service_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(*START));
    let mut world = World::new();
    let accept = control(1, xchat_types::ControlKind::Accept);
    let mut acts = vec![
        Act::Genesis { who: 0 },
        commit(0, Some((true, 1))),
        say(0),
        accept,
    ];
    for round in 0..6 {
        acts.extend([
            say(round % 2),
            say((round + 1) % 2),
            commit(round % 2, None),
        ]);
    }
    let device = world.people[0].id();
    for part in acts.chunks(5) {
        let (log, store) = open(folder.path(), &clock);
        let mut house = House::on(Arc::clone(&clock), log, store, &quick());
        for act in part {
            for (bytes, _) in records(&mut world, act) {
                clock.set(world.now.saturating_add(7));
                let (outcome, _) = world.append(bytes.clone());
                assert!(outcome.sequence().is_some(), "{outcome:?}");
                assert_eq!(house.submit(vec![(CONVERSATION, bytes)]).await, [None]);
                // Ingress asks the store who is a member: the next sender may be one only now.
                let head = world.conversation.head.sequence.0;
                house.wait_for(device, CONVERSATION, head).await;
            }
        }
        let head = world.conversation.head.sequence.0;
        let pulled = house.pull(device, CONVERSATION, 0).await.unwrap();
        let sequences: Vec<_> = pulled
            .records
            .iter()
            .map(|record| record.sequence)
            .collect();
        assert_eq!(sequences, (1..=head).collect::<Vec<_>>());
        let hash = &pulled.records.last().unwrap().head_hash;
        assert_eq!(*hash, world.conversation.head.hash.as_bytes().as_slice());
        house.stop().await;
    }
}
