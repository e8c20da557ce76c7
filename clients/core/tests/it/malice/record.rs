//! Records that are altered, left out, made up or not what they seem.

use xchat_core::{Event, SecurityEvent, Suspension};
use xchat_crypto::envelope;
use xchat_proto::client::{self, DeliveredRecord, delivered_record::Content, server_frame::Body};
use xchat_types::{Header, Millis, Sequence};

use super::{PLACE, is_suspended, lie, security, under};
use crate::world::{ALICE, BOB, World};

#[test]
fn an_altered_payload_is_seen() {
    let (mut world, events) = under(|record| {
        if let Some(Content::Payload(payload)) = &mut record.content {
            let mut bytes = payload.to_vec();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            *payload = bytes.into();
        }
    });
    assert_eq!(events, [SecurityEvent::Digest { sequence: PLACE }]);
    assert_eq!(is_suspended(&mut world, BOB), Some(Suspension::Untrusted));
    assert_eq!(world.hosts[BOB].view(), ["may I?"]);
    assert_eq!(
        world.hosts[BOB].engine().conversations()[0].cursor,
        Sequence(4)
    );
}

#[test]
fn an_altered_time_bucket_or_head_hash_is_seen() {
    let lies: [fn(&mut DeliveredRecord); 5] = [
        |record| record.appended_at_ms += 1,
        |record| record.accepted_at_ms -= 1,
        |record| record.bucket.as_mut().unwrap().index += 1,
        |record| record.bucket = None,
        |record| record.head_hash = vec![7; 32].into(),
    ];
    for lie in lies {
        let (mut world, events) = under(lie);
        assert_eq!(
            events,
            [SecurityEvent::HeadHash { sequence: PLACE }],
            "the head hash does not tell"
        );
        assert_eq!(is_suspended(&mut world, BOB), Some(Suspension::Untrusted));
        // Nothing more is sent there, and the sender is told why.
        world.tamper = None;
        world.clear_events();
        world.send(BOB, "alice", "into the void");
        world.settle();
        let why = Some(xchat_core::Held::Suspended);
        let held = |event: &Event| matches!(event, Event::Queued { held, .. } if *held == why);
        assert!(world.hosts[BOB].has(held));
        assert_eq!(world.hosts[ALICE].view(), ["may I?", "true words"]);
    }
}

#[test]
fn a_record_that_is_left_out_is_seen() {
    let mut world = World::two();
    world.befriend();
    world.clear_events();
    world.tamper = Some(Box::new(|name, frame| {
        let records = match &mut frame.body {
            Some(Body::DeliverPush(push)) => &mut push.records,
            Some(Body::Pull(pull)) => &mut pull.records,
            _ => return,
        };
        if name == "bob" {
            records.retain(|record| record.sequence != PLACE.0);
        }
    }));
    world.send(ALICE, "bob", "left out");
    world.send(ALICE, "bob", "shown");
    world.settle();
    let expected = SecurityEvent::Gap {
        expected: PLACE,
        got: Sequence(6),
    };
    assert_eq!(security(&world, BOB), [expected]);
    assert_eq!(world.hosts[BOB].view(), ["may I?"]);
}

#[test]
fn a_record_that_is_withheld_without_reason_is_seen() {
    let (_, events) = under(|record| {
        record.content = Some(Content::Withheld(client::Withheld::Expired.into()));
    });
    assert_eq!(events, [SecurityEvent::Withheld { sequence: PLACE }]);
    let (mut world, events) = under(|record| {
        record.content = Some(Content::Withheld(client::Withheld::Own.into()));
    });
    assert_eq!(events, [SecurityEvent::Withheld { sequence: PLACE }]);
    assert_eq!(is_suspended(&mut world, BOB), Some(Suspension::Untrusted));
}

#[test]
fn a_message_that_has_expired_is_passed_over() {
    let mut world = World::two();
    world.befriend();
    world.disconnect(BOB);
    world.send(ALICE, "bob", "nobody came");
    world.settle();
    world.now = Millis(world.now.0 + 31 * 24 * 3_600_000);
    world.relay.now = world.now;
    lie(&mut world, |record| {
        record.content = Some(Content::Withheld(client::Withheld::Expired.into()));
    });
    world.clear_events();
    world.connect(BOB);
    world.settle();
    assert_eq!(security(&world, BOB), []);
    assert_eq!(world.hosts[BOB].view(), ["may I?"]);
    assert_eq!(world.hosts[BOB].engine().conversations()[0].cursor, PLACE);
}

/// Changes a record of the log itself and everything the server computes from it, as a server can
/// that wants to be believed.
fn forge(world: &mut World, change: impl Fn(&mut Header)) {
    for log in world.relay.logs.values_mut() {
        let record = log.records.last_mut().unwrap();
        change(&mut record.header);
        record.link.digest = envelope::digest(&record.header, &record.payload);
        record.rehash();
    }
}

#[test]
fn a_header_that_names_another_sender_or_envelope_is_seen() {
    let changes: [fn(&mut Header); 3] = [
        |header| header.sender = xchat_types::DeviceId::new([3; 16]),
        |header| header.counter = header.counter.next(),
        |header| header.created_at = Millis(header.created_at.0 + 1),
    ];
    for change in changes {
        let mut world = World::two();
        world.befriend();
        world.clear_events();
        world.disconnect(BOB);
        world.send(ALICE, "bob", "mine");
        world.settle();
        forge(&mut world, change);
        world.connect(BOB);
        world.settle();
        assert_eq!(
            security(&world, BOB),
            [SecurityEvent::Sender { sequence: PLACE }]
        );
        assert_eq!(world.hosts[BOB].view(), ["may I?"]);
    }
}

#[test]
fn a_message_of_nobody_is_told_of_and_the_conversation_goes_on() {
    let mut world = World::two();
    world.befriend();
    world.clear_events();
    world.disconnect(BOB);
    world.send(ALICE, "bob", "scrambled");
    world.settle();
    for log in world.relay.logs.values_mut() {
        let record = log.records.last_mut().unwrap();
        let mut bytes = record.payload.to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        record.payload = bytes.into();
    }
    forge(&mut world, |_| {});
    world.connect(BOB);
    world.settle();
    let events = security(&world, BOB);
    assert_eq!(events, [SecurityEvent::Undecryptable { sequence: PLACE }]);
    assert_eq!(is_suspended(&mut world, BOB), None);
    world.send(BOB, "alice", "say again?");
    world.settle();
    assert_eq!(world.hosts[BOB].view(), ["may I?", "say again?"]);
}

#[test]
fn an_own_record_that_the_device_never_made_is_seen() {
    let mut world = World::two();
    let id = world.befriend();
    let bob = world.hosts[BOB].device.unwrap();
    world.clear_events();
    world.disconnect(BOB);
    world.send(ALICE, "bob", "not Bob's");
    world.settle();
    forge(&mut world, move |header| header.sender = bob);
    world.connect(BOB);
    world.settle();
    assert_eq!(
        security(&world, BOB),
        [SecurityEvent::NotOurs { sequence: PLACE }]
    );
    assert!(world.hosts[BOB].has(|event| matches!(event,
        Event::Suspended { conversation, why: Suspension::CounterConflict } if *conversation == id)));
}

#[test]
fn a_commit_that_the_judge_refuses_is_seen_even_if_the_server_applied_it() {
    let mut world = World::of(
        &["alice", "bob"],
        &xchat_core::Settings {
            update_after: 1,
            ..crate::world::settings()
        },
    );
    world.befriend();
    world.clear_events();
    world.disconnect(BOB);
    // An update commit, and the text after it.
    world.send(ALICE, "bob", "one");
    world.settle();
    for log in world.relay.logs.values_mut() {
        let at = log
            .records
            .iter()
            .rposition(|record| record.header.kind == xchat_types::RecordKind::CommitBundle);
        let record = &mut log.records[at.unwrap()];
        let mut bytes = record.payload.to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        record.payload = bytes.into();
        record.link.digest = envelope::digest(&record.header, &record.payload);
        record.rehash();
        assert!(record.link.sequence >= PLACE);
    }
    world.connect(BOB);
    world.settle();
    let refused = |event: &SecurityEvent| {
        matches!(
            event,
            SecurityEvent::Refused { .. } | SecurityEvent::CannotApply { .. }
        )
    };
    assert!(
        security(&world, BOB).iter().any(refused),
        "{:?}",
        world.told()
    );
    assert_eq!(is_suspended(&mut world, BOB), Some(Suspension::Untrusted));
    // The group of before still opens.
    world.hosts[BOB].pull_the_plug();
    world.connect(BOB);
    world.settle();
    assert_eq!(world.hosts[BOB].view(), ["may I?"]);
}

#[test]
fn what_was_tried_with_a_record_that_does_not_hold_is_undone() {
    let mut world = World::of(
        &["alice", "bob"],
        &xchat_core::Settings {
            update_after: 1,
            ..crate::world::settings()
        },
    );
    world.befriend();
    let group = |world: &World| -> Vec<_> {
        let rows = world.hosts[BOB].store.iter();
        let rows = rows.filter(|(key, _)| key.table == xchat_core::Table::Group);
        rows.map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    let before = group(&world);
    // A commit that could be applied, but for the time that the server tells Bob.
    lie(&mut world, |record| record.appended_at_ms += 1);
    world.send(ALICE, "bob", "after an update");
    world.settle();
    let events = security(&world, BOB);
    assert_eq!(events, [SecurityEvent::HeadHash { sequence: PLACE }]);
    assert!(
        group(&world) == before,
        "not one row of the group has changed"
    );
}

#[test]
fn an_own_stub_of_another_digest_is_seen() {
    let mut world = World::two();
    let id = world.befriend();
    world.clear_events();
    let bob = world.hosts[BOB].device.unwrap();
    world.relay.log_stands = true;
    world.send(BOB, "alice", "mine");
    world.drain();
    let header = world.relay.unfolded[0].header.as_ref().unwrap();
    let header = Header::try_from(header).unwrap();
    let other = xchat_types::Digest::new([6; 32]);
    let records = vec![world.relay.logs[&id].imagine(&header, other, world.now, &bob)];
    world.inject(BOB, Body::DeliverPush(client::DeliverPush { records }));
    world.drain();
    assert_eq!(
        security(&world, BOB),
        [SecurityEvent::NotOurs { sequence: PLACE }]
    );
    assert_eq!(
        is_suspended(&mut world, BOB),
        Some(Suspension::CounterConflict)
    );
    assert_eq!(world.hosts[BOB].sent(), []);
}
