//! What gateways ask for, over gRPC.

use std::sync::Arc;

use bytes::Bytes;
use xchat_crypto::envelope::{HeadLink, head_hash, head_hash_start};
use xchat_fanout::domain::Record;
use xchat_mls::{ControlState, RatchetTreeBytes, WelcomeBytes, control_hash};
use xchat_ports::{EventLog, message_store::OnceRow};
use xchat_proto::{
    client::{DeliveredRecord, Withheld, delivered_record::Content},
    common::Reason,
};
use xchat_types::{
    Bucket, ControlHash, ControlKind, ConversationId, Digest, Epoch, HeadHash, JudgeVersion,
    Millis, Sequence, WelcomeRef,
};

use crate::{
    house::{House, engines, quick},
    person::DAY,
    rig::conversation,
    script::{Act, commit, control, play, records, say},
    world::{CONVERSATION, World},
};

/// Plays acts in a world and hands the same records to the service.
async fn perform(house: &mut House, world: &mut World, acts: &[Act]) {
    for act in acts {
        for (bytes, _) in records(world, act) {
            // The service stamps by its own clock, which a world plays seven milliseconds ahead.
            house.clock.set(world.now.saturating_add(7));
            let (outcome, _) = world.append(bytes.clone());
            let taken = house.submit(vec![(world.id, bytes)]).await;
            assert_eq!(taken, [None], "{act:?} {outcome:?}");
        }
        let device = world.people[0].id();
        let head = world.conversation.head.sequence.0;
        house.wait_for(device, world.id, head).await;
    }
}

fn met() -> [Act; 4] {
    let accept = control(1, ControlKind::Accept);
    [
        Act::Genesis { who: 0 },
        commit(0, Some((true, 1))),
        say(0),
        accept,
    ]
}

fn withheld(record: &DeliveredRecord) -> Option<Withheld> {
    match record.content.as_ref().unwrap() {
        Content::Payload(_) => None,
        Content::Withheld(reason) => Some(Withheld::try_from(*reason).unwrap()),
    }
}

/// Recomputes the chain from what a device pulled.
fn check_chain(mut hash: HeadHash, records: &[DeliveredRecord]) {
    let control = control_hash(&ControlState::default(), JudgeVersion(1));
    for record in records {
        let link = HeadLink {
            sequence: Sequence(record.sequence),
            appended_at: Millis(record.appended_at_ms),
            accepted_at: Millis(record.accepted_at_ms),
            bucket: record
                .bucket
                .as_ref()
                .map(|bucket| Bucket::try_from(bucket).unwrap()),
            control_hash: control,
            digest: Digest::try_from(record.digest.as_ref()).unwrap(),
        };
        hash = head_hash(&hash, &link);
        assert_eq!(record.head_hash, hash.as_bytes().as_slice());
    }
}

#[tokio::test]
async fn a_pull_gives_a_contiguous_slice_whose_chain_can_be_recomputed() {
    let mut house = House::start();
    let mut world = World::new();
    perform(&mut house, &mut world, &met()).await;
    perform(&mut house, &mut world, &[say(0), say(1), say(0)]).await;
    let [alice, bob, carol, _] = [0, 1, 2, 3].map(|who| world.people[who].id());

    let all = house.pull(alice, CONVERSATION, 0).await.unwrap();
    assert_eq!(all.head_sequence, 7);
    let sequences: Vec<_> = all.records.iter().map(|record| record.sequence).collect();
    assert_eq!(sequences, [1, 2, 3, 4, 5, 6, 7]);
    check_chain(head_hash_start(&CONVERSATION), &all.records);
    let own: Vec<_> = all
        .records
        .iter()
        .map(|record| withheld(record).is_some())
        .collect();
    assert_eq!(own, [true, true, true, false, true, false, true]);

    let joined = house.pull(bob, CONVERSATION, 0).await.unwrap();
    let sequences: Vec<_> = joined
        .records
        .iter()
        .map(|record| record.sequence)
        .collect();
    assert_eq!(
        sequences,
        [3, 4, 5, 6, 7],
        "all that follows the join, nothing before"
    );
    let before = HeadHash::try_from(all.records[1].head_hash.as_ref()).unwrap();
    check_chain(before, &joined.records);
    let rest = house.pull(bob, CONVERSATION, 6).await.unwrap();
    assert_eq!(rest.records.len(), 1);

    assert_eq!(
        house.pull(carol, CONVERSATION, 0).await,
        Err(Reason::NotMember)
    );
    let unknown = house.pull(alice, conversation(9), 0).await;
    assert_eq!(unknown, Err(Reason::ConversationUnknown));
    assert_eq!(
        house.pull(alice, CONVERSATION, 8).await,
        Err(Reason::RolledBack)
    );
    house.stop().await;
}

#[tokio::test]
async fn what_is_not_readable_not_signed_or_not_a_members_never_reaches_the_log() {
    let (clock, log, store) = engines();
    let mut house = House::on(clock, Arc::clone(&log), store, &quick());
    let mut world = World::new();
    perform(&mut house, &mut world, &met()).await;
    let ends = || async {
        let mut ends = 0;
        for partition in (0..log.partitions()).map(xchat_types::PartitionId) {
            ends += log.span(partition).await.unwrap().end.0;
        }
        ends
    };
    let before = ends().await;

    let bucket = Bucket::assign(world.now, world.now, DAY);
    let stranger = world.people[2].say(world.spot(2), 9, bucket).encode();
    let mut forged = world.people[1].control(world.spot(1), ControlKind::Leave);
    let mut payload = forged.payload.to_vec();
    *payload.last_mut().unwrap() ^= 1;
    forged.payload = payload.into();
    let mut bent = world.commit(0, None).unwrap();
    let mut payload = bent.payload.to_vec();
    let middle = payload.len() / 2;
    payload[middle] ^= 1;
    bent.payload = payload.into();
    let batch = vec![
        (CONVERSATION, stranger.clone()),
        (CONVERSATION, Bytes::from_static(b"\xff")),
        (conversation(5), stranger),
        (CONVERSATION, forged.encode()),
        (CONVERSATION, bent.encode()),
    ];
    let reasons = house.submit(batch).await;
    let expected = [
        Reason::NotMember,
        Reason::Malformed,
        Reason::Malformed,
        Reason::BadSignature,
        Reason::BadSignature,
    ];
    assert_eq!(reasons, expected.map(Some));
    assert_eq!(ends().await, before);
    house.stop().await;
}

#[tokio::test]
async fn an_unknown_conversation_is_let_through_and_refused_by_the_fold() {
    let mut house = House::start();
    let world = World::new();
    let spot = world.spot(0);
    let said = world.people[0].say(spot, 9, Bucket::assign(spot.now, spot.now, DAY));
    let taken = house.submit(vec![(CONVERSATION, said.encode())]).await;
    assert_eq!(taken, [None], "its genesis may be in the log");
    let device = world.people[0].id();
    loop {
        let told = house.outcomes(device, CONVERSATION).await;
        if told.last_counter == 1 {
            let outcome =
                xchat_types::Outcome::try_from(told.outcomes[0].outcome.as_ref().unwrap());
            let refused = xchat_types::Outcome::Refused(xchat_types::RefuseReason::NotMember);
            assert_eq!(outcome, Ok(refused));
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    house.stop().await;
}

#[tokio::test]
async fn acknowledging_moves_the_cursor_deletes_the_mark_and_never_passes_the_head() {
    let (clock, log, store) = engines();
    let mut house = House::on(clock, log, store, &quick());
    let mut world = World::new();
    perform(&mut house, &mut world, &met()).await;
    perform(&mut house, &mut world, &[say(0)]).await;
    let bob = world.people[1].id();
    while house.marks(bob).await != [Sequence(5)] {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    assert_eq!(
        house.ack(bob, CONVERSATION, 6).await,
        Err(Reason::RolledBack)
    );
    assert_eq!(house.ack(bob, CONVERSATION, 4).await, Ok(()));
    assert_eq!(house.marks(bob).await, [Sequence(5)], "a newer mark stays");
    for _ in 0..2 {
        assert_eq!(house.ack(bob, CONVERSATION, 5).await, Ok(()));
        assert_eq!(house.marks(bob).await, []);
    }
    assert_eq!(house.ack(bob, CONVERSATION, 3).await, Ok(()));
    let cursor = house.store.read_cursor(bob, CONVERSATION).await.unwrap();
    assert_eq!(cursor, Some(Sequence(5)), "a cursor never goes back");
    let stranger = world.people[2].id();
    assert_eq!(
        house.ack(stranger, CONVERSATION, 1).await,
        Err(Reason::NotMember)
    );
    house.stop().await;
}

#[tokio::test]
async fn a_welcome_is_there_once_its_commit_is_and_leads_into_the_group_with_the_servers_tree() {
    let mut house = House::start();
    let mut world = World::new();
    world.joins = false;
    perform(&mut house, &mut world, &[Act::Genesis { who: 0 }]).await;
    let bob = world.people[1].id();
    let early = OnceRow::Welcome {
        device: bob,
        reference: WelcomeRef::new([1; 32]),
        value: xchat_fanout::rows::StoredWelcome {
            conversation: CONVERSATION,
            invitation: xchat_fanout::domain::effects::Invitation {
                device: bob,
                reference: WelcomeRef::new([1; 32]),
                incarnation: xchat_types::Incarnation(0),
                epoch: Epoch(9),
                sequence: Sequence(40),
                head_hash: HeadHash::new([0; 32]),
                welcome: WelcomeBytes::from(vec![1]),
            },
        }
        .to_row(),
        expires_at: world.now.saturating_add(DAY),
    };
    house.store.write_once(&[early]).await.unwrap();
    assert_eq!(house.welcomes(bob).await, [], "no head names it");

    perform(&mut house, &mut world, &[commit(0, Some((true, 1)))]).await;
    let welcomes = house.welcomes(bob).await;
    let [welcome] = welcomes.as_slice() else {
        panic!("{} welcomes", welcomes.len());
    };
    assert_eq!((welcome.sequence, welcome.epoch), (2, 1));
    let answer = house.tree(bob, CONVERSATION, Epoch(1)).await.unwrap();
    let link = answer.link.unwrap();
    let state = ControlState::from_bytes(&answer.control_state).unwrap();
    let control = control_hash(&state, JudgeVersion(answer.judge_version));
    assert_eq!(link.control_hash, control.as_bytes().as_slice());
    let step = HeadLink {
        sequence: Sequence(link.sequence),
        appended_at: Millis(link.appended_at_ms),
        accepted_at: Millis(link.accepted_at_ms),
        bucket: None,
        control_hash: ControlHash::try_from(link.control_hash.as_ref()).unwrap(),
        digest: Digest::try_from(link.digest.as_ref()).unwrap(),
    };
    let previous = HeadHash::try_from(link.previous_head_hash.as_ref()).unwrap();
    assert_eq!(
        welcome.head_hash,
        head_hash(&previous, &step).as_bytes().as_slice()
    );
    let tree = RatchetTreeBytes::from(answer.ratchet_tree.to_vec());
    world.people[1].join(
        CONVERSATION,
        &WelcomeBytes::from(welcome.welcome.to_vec()),
        &tree,
    );

    let stranger = world.people[2].id();
    assert_eq!(
        house.tree(stranger, CONVERSATION, Epoch(1)).await,
        Err(Reason::NotMember)
    );
    assert_eq!(
        house.tree(bob, CONVERSATION, Epoch(0)).await,
        Err(Reason::NotFound)
    );
    assert_eq!(
        house.tree(bob, CONVERSATION, Epoch(2)).await,
        Err(Reason::NotFound)
    );
    let reference = WelcomeRef::try_from(welcome.welcome_ref.as_ref()).unwrap();
    for _ in 0..2 {
        house.ack_welcome(bob, reference).await;
        assert_eq!(house.welcomes(bob).await, []);
    }
    house.stop().await;
}

#[tokio::test]
async fn at_the_end_of_its_bucket_a_payload_is_hidden_and_its_header_still_stands() {
    let mut house = House::start();
    let mut world = World::new();
    perform(&mut house, &mut world, &met()).await;
    let bucket = Bucket::assign(world.now, world.now, 60_000);
    let said = world.people[1].say(world.spot(1), 9, bucket).encode();
    world.append(said.clone());
    assert_eq!(house.submit(vec![(CONVERSATION, said)]).await, [None]);
    let alice = world.people[0].id();
    house.wait_for(alice, CONVERSATION, 5).await;

    house.clock.set(Millis(bucket.end().0 - 1));
    let pulled = house.pull(alice, CONVERSATION, 4).await.unwrap();
    assert_eq!(withheld(&pulled.records[0]), None);
    house.clock.set(bucket.end());
    let pulled = house.pull(alice, CONVERSATION, 4).await.unwrap();
    assert_eq!(withheld(&pulled.records[0]), Some(Withheld::Expired));
    house.clock.advance(2 * DAY);
    let pulled = house.pull(alice, CONVERSATION, 0).await.unwrap();
    assert_eq!(pulled.records.len(), 5, "also when its row is gone");
    check_chain(head_hash_start(&CONVERSATION), &pulled.records);
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_taken_while_records_wait_too_long_or_the_lag_is_unknown() {
    use xchat_adapter_memory::{Faults, ManualClock, MemoryEventLog};
    use xchat_fanout::lag::{LagGuard, LagLimits};
    use xchat_types::PartitionId;
    let minute = std::time::Duration::from_mins(1);
    let clock = Arc::new(ManualClock::default());
    let log = MemoryEventLog::new(2, Arc::clone(&clock) as _);
    let limits = LagLimits {
        age: 90 * minute,
        interval: minute / 6,
        unknown: 2 * minute,
    };
    let guard = LagGuard::new(Arc::new(log.clone()), Arc::clone(&clock) as _, limits);
    let append = xchat_ports::event_log::Append {
        partition: PartitionId(1),
        conversation: CONVERSATION,
        record: Bytes::from_static(b"x"),
        trace: None,
    };
    log.append(vec![append]).await.pop().unwrap().unwrap();
    for (minutes, taken) in [(0, true), (90, true), (1, false)] {
        clock.advance(minutes * 60_000);
        guard.look().await.unwrap();
        assert_eq!(
            guard.check(PartitionId(1)).is_ok(),
            taken,
            "after {minutes} more minutes"
        );
        assert!(guard.check(PartitionId(0)).is_ok(), "others go on");
    }
    log.commit(&[(PartitionId(1), xchat_types::Offset(1))])
        .await
        .unwrap();
    guard.look().await.unwrap();
    assert!(guard.check(PartitionId(1)).is_ok());

    log.set_faults(Faults {
        refused: 1_000,
        ..Faults::none()
    });
    tokio::time::advance(minute).await;
    assert!(guard.look().await.is_err());
    assert!(guard.check(PartitionId(0)).is_ok());
    tokio::time::advance(minute * 2).await;
    assert!(guard.check(PartitionId(0)).is_err(), "unknown for too long");

    log.set_faults(Faults::none());
    log.take_leader(PartitionId(1));
    assert!(guard.look().await.is_err());
    assert!(guard.check(PartitionId(1)).is_err());
    assert!(
        guard.check(PartitionId(0)).is_ok(),
        "of this one it is known"
    );
}

#[tokio::test]
async fn what_the_log_has_not_taken_is_not_accepted() {
    use xchat_adapter_memory::{Faults, ManualClock, MemoryEventLog, MemoryMessageStore};
    use xchat_ports::Clock;
    let clock = Arc::new(ManualClock::new(*crate::world::START));
    let shared: Arc<dyn Clock> = Arc::clone(&clock) as _;
    let log = MemoryEventLog::new(1, Arc::clone(&shared));
    let store = Arc::new(MemoryMessageStore::new(shared));
    let mut house = House::on(clock, Arc::new(log.clone()), store, &quick());
    let mut world = World::new();
    let spot = world.spot(0);
    let genesis = world.people[0].genesis(spot).encode();
    let held = || log.entries(xchat_types::PartitionId(0)).len();

    log.set_faults(Faults {
        refused: 1_000,
        ..Faults::none()
    });
    let told = house.submit(vec![(CONVERSATION, genesis.clone())]).await;
    assert_eq!(told, [Some(Reason::Unavailable)], "not accepted");
    assert_eq!(held(), 0);
    log.set_faults(Faults::none());
    let told = house.submit(vec![(CONVERSATION, genesis)]).await;
    assert_eq!((told, held()), (vec![None], 1), "accepted, and there");
    house.stop().await;
}

#[tokio::test]
async fn a_parked_record_takes_its_sequence_and_is_delivered_as_such() {
    let (clock, log, store) = engines();
    let mut house = House::on(clock, Arc::clone(&log), store, &quick());
    let mut world = World::new();
    perform(&mut house, &mut world, &met()).await;
    let id: ConversationId = CONVERSATION;
    let garbage = xchat_ports::event_log::Append {
        partition: xchat_crypto::derive::partition(&[7; 32], &id, log.partitions()),
        conversation: id,
        record: Bytes::from_static(b"\xff\xff"),
        trace: None,
    };
    log.append(vec![garbage]).await.pop().unwrap().unwrap();
    let alice = world.people[0].id();
    house.wait_for(alice, id, 5).await;
    let pulled = house.pull(alice, id, 0).await.unwrap();
    assert_eq!(withheld(&pulled.records[4]), Some(Withheld::Parked));
    assert_eq!(pulled.records[4].header, None);
    check_chain(head_hash_start(&id), &pulled.records);
    house.stop().await;
}

#[test]
fn what_the_log_holds_is_read_back_as_it_was() {
    for logged in play(CONVERSATION, &met()) {
        let record = Record::decode(&CONVERSATION, &logged.bytes).unwrap();
        assert_eq!(record.encode(), logged.bytes);
    }
}
