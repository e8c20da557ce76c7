//! Control records, and what they let a commit do.

use xchat_crypto::{ControlRecord, SignedControl};
use xchat_mls::{ControlRefusal, ControlState, Refusal, Suite, control_hash, judge};
use xchat_types::{ControlKind, Header, JudgeVersion, RecordKind, RefuseReason};

use crate::{
    person::{Person, gather, removing},
    refusals::refusal,
    server::Server,
};

type Change = fn(&mut ControlRecord);

fn record(person: &mut Person, kind: ControlKind) -> (Header, ControlRecord) {
    let header = person.header(RecordKind::Control);
    let record = ControlRecord {
        conversation: header.conversation,
        incarnation: header.incarnation,
        kind,
        account: person.account(),
        device: person.id(),
        counter: header.counter,
        created_at: header.created_at,
        certificates: Vec::new(),
        detail: Vec::new(),
    };
    (header, record)
}

fn signed(person: &mut Person, kind: ControlKind) -> (Header, SignedControl) {
    let (header, record) = record(person, kind);
    (header, record.sign(person.device.key()).unwrap())
}

/// A group of four devices of three people; the last two devices are of one account.
fn scene() -> (Server, [Person; 4]) {
    let mut people = [
        Person::new(1),
        Person::new(2),
        Person::new(3),
        Person::with_device(3, 33),
    ];
    let mut server = Server::new();
    let [a, b, c, d] = &mut people;
    gather(&mut server, Suite::Classical, &mut [a, b, c, d]);
    (server, people)
}

#[test]
fn a_leave_takes_all_devices_of_its_account_out_and_anybody_may_remove_them() {
    let (mut server, [mut a, mut b, mut c, d]) = scene();
    let leaves = server.snapshot().leaves().unwrap();
    assert_eq!(b.members(), leaves, "both sides see the same leaves");
    let (header, leave) = signed(&mut c, ControlKind::Leave);
    let leave = SignedControl::from_bytes(&leave.to_bytes()).unwrap();
    let effect = server.control.apply(&header, &leave, &leaves).unwrap();
    assert_eq!(effect.departed, leaves[2..]);
    assert_eq!(effect.signer, leaves[2]);
    server.control = effect.next;
    assert!(server.control.has_departed(&c.id()) && server.control.has_departed(&d.id()));
    assert!(!server.control.has_departed(&b.id()));

    let (header, removal) = b.commit(&removing(&[2]));
    let before = server.control.clone();
    let effect = server.submit(&header, &removal).unwrap();
    assert_eq!(
        effect.removed,
        [leaves[2]],
        "a plain member, and one leaf alone"
    );
    assert!(
        !server.control.has_departed(&c.id()),
        "what was asked for is done"
    );
    assert!(server.control.has_departed(&d.id()));
    server.with_control(before, |server| a.apply(server, &header, &removal).unwrap());
    assert_eq!(a.members(), server.snapshot().leaves().unwrap());
}

#[test]
fn who_has_left_can_neither_commit_nor_speak_in_clear() {
    let (mut server, [_, b, mut c, _]) = scene();
    let leaves = server.snapshot().leaves().unwrap();
    let (header, leave) = signed(&mut c, ControlKind::Leave);
    server.control = server.control.apply(&header, &leave, &leaves).unwrap().next;
    let (header, update) = c.commit(&removing(&[]));
    let refused = refusal(server.ask(&header, &update));
    assert_eq!(
        (refused, refused.reason()),
        (Refusal::NotMember, RefuseReason::NotMember)
    );
    let (header, again) = signed(&mut c, ControlKind::Leave);
    let refused = server.control.apply(&header, &again, &leaves).unwrap_err();
    assert_eq!(refused, ControlRefusal::NotMember);
    assert_eq!(refused.reason(), RefuseReason::NotMember);
    assert!(!server.control.has_departed(&b.id()));
}

#[test]
fn accept_and_decline_hold_but_change_nothing_that_the_judge_looks_at() {
    let (server, [_, mut b, ..]) = scene();
    let leaves = server.snapshot().leaves().unwrap();
    for kind in [ControlKind::Accept, ControlKind::Decline] {
        let (header, answer) = signed(&mut b, kind);
        let effect = server.control.apply(&header, &answer, &leaves).unwrap();
        assert_eq!((effect.kind, effect.next), (kind, ControlState::default()));
        assert!(effect.departed.is_empty());
    }
}

#[test]
fn kinds_that_come_later_are_refused_and_so_are_records_that_say_more() {
    let (server, [_, mut b, ..]) = scene();
    let leaves = server.snapshot().leaves().unwrap();
    for number in 4..=7 {
        let kind = ControlKind::from_number(number).unwrap();
        let (header, later) = signed(&mut b, kind);
        let refused = server.control.apply(&header, &later, &leaves).unwrap_err();
        assert_eq!(refused, ControlRefusal::Unsupported(kind));
        assert_eq!(refused.reason(), RefuseReason::InvalidHandshake);
    }
    let (header, mut more) = record(&mut b, ControlKind::Leave);
    more.detail = vec![1];
    let more = more.sign(b.device.key()).unwrap();
    let refused = server.control.apply(&header, &more, &leaves).unwrap_err();
    assert_eq!(refused, ControlRefusal::Detail);
}

#[test]
fn a_record_by_another_key_or_from_another_envelope_is_refused() {
    let (server, [a, mut b, ..]) = scene();
    let leaves = server.snapshot().leaves().unwrap();
    let apply = |header: &Header, record: &ControlRecord, by: &Person| {
        let signed = record.sign(by.device.key()).unwrap();
        server.control.apply(header, &signed, &leaves).unwrap_err()
    };
    let (header, record) = record(&mut b, ControlKind::Leave);
    assert!(matches!(
        apply(&header, &record, &a),
        ControlRefusal::Record(_)
    ));
    let changes: [Change; 6] = [
        |r| r.counter = r.counter.next(),
        |r| r.created_at = r.created_at.saturating_add(1),
        |r| r.incarnation = r.incarnation.next(),
        |r| r.conversation = xchat_types::ConversationId::new([1; 32]),
        |r| r.account = xchat_types::AccountId::new([1; 32]),
        |r| r.device = xchat_types::DeviceId::new([1; 16]),
    ];
    for change in changes {
        let mut changed = record.clone();
        change(&mut changed);
        assert_eq!(apply(&header, &changed, &b), ControlRefusal::Header);
    }
    let mut stranger = Person::new(9);
    let (header, record) = self::record(&mut stranger, ControlKind::Leave);
    assert_eq!(
        apply(&header, &record, &stranger),
        ControlRefusal::NotMember
    );
}

#[test]
fn a_control_state_survives_its_bytes_and_its_hash_covers_state_and_version() {
    let (server, [_, mut b, mut c, _]) = scene();
    let leaves = server.snapshot().leaves().unwrap();
    let mut state = ControlState::default();
    let mut seen = vec![control_hash(&state, judge::CURRENT)];
    for person in [&mut b, &mut c] {
        let (header, leave) = signed(person, ControlKind::Leave);
        state = state.apply(&header, &leave, &leaves).unwrap().next;
        assert_eq!(
            ControlState::from_bytes(&state.to_bytes()),
            Ok(state.clone())
        );
        seen.push(control_hash(&state, judge::CURRENT));
    }
    seen.push(control_hash(&state, JudgeVersion(2)));
    let hashes: std::collections::BTreeSet<_> = seen.iter().collect();
    assert_eq!(hashes.len(), seen.len(), "all differ");
    assert_eq!(state.departures().count(), 3);
    let bytes = state.to_bytes();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(
            ControlState::from_bytes(&changed)
                .is_ok_and(|other| other.to_bytes() == changed && other != state)
                || ControlState::from_bytes(&changed).is_err()
        );
        assert!(ControlState::from_bytes(&bytes[..at]).is_err());
    }
}
