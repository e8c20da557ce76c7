//! Stored bytes that may never change: `testdata/fanout/rows.json`, hexadecimal by name.

use std::collections::BTreeMap;

use bytes::Bytes;
use xchat_fanout::{
    domain::{
        GroupHead, Head, Member, Place, Recent, Record, Sender,
        effects::{Envelope, GroupForm, Invitation},
        head::Redo,
        member::Span,
        recent::Judged,
    },
    rows::{Row, StoredWelcome},
};
use xchat_mls::{ControlState, WelcomeBytes};
use xchat_types::{
    AccountId, Bucket, BucketClass, ConversationId, Counter, DeviceId, Digest, Epoch, HeadHash,
    Header, Incarnation, JudgeVersion, LogId, Millis, Offset, Outcome, PartitionId, RecordKind,
    RefuseReason, Sequence, Stamp, WelcomeRef,
};

const CONVERSATION: ConversationId = ConversationId::new([0xc0; 32]);
const DEVICE: DeviceId = DeviceId::new([0xd0; 16]);
const AT: Millis = Millis(1_700_000_000_123);

fn golden() -> BTreeMap<String, Bytes> {
    let text = include_str!("../../../../testdata/fanout/rows.json");
    let rows: BTreeMap<String, String> = serde_json::from_str(text).unwrap();
    let bytes = |hex: String| Bytes::from(hex::decode(hex).unwrap());
    rows.into_iter()
        .map(|(name, row)| (name, bytes(row)))
        .collect()
}

fn header(kind: RecordKind) -> Header {
    Header {
        conversation: CONVERSATION,
        incarnation: Incarnation(0),
        epoch: Epoch(7),
        sender: DEVICE,
        counter: Counter(300),
        kind,
        created_at: AT,
    }
}

fn bucket() -> Bucket {
    Bucket {
        class: BucketClass::FiveMinutes,
        index: 5_666_700,
    }
}

fn sender() -> Sender {
    let mut sender = Sender::default();
    sender.note(Outcome::Applied(Sequence(3)), [1; 8]);
    sender.note(Outcome::Refused(RefuseReason::StaleEpoch), [2; 8]);
    sender.note(Outcome::Parked(Sequence(1_000)), [3; 8]);
    sender
}

fn member() -> Member {
    let span = |joined, left| Span {
        joined: Sequence(joined),
        left,
        accepted: None,
        request: Some(Sequence(joined + 1)),
    };
    let admitted = Span {
        accepted: Some(Sequence(12)),
        ..span(9, None)
    };
    Member {
        account: AccountId::new([0xa0; 32]),
        spans: vec![span(0, Some(Sequence(5))), admitted],
    }
}

fn judged() -> Judged {
    Judged {
        version: JudgeVersion(1),
        control: ControlState::default(),
    }
}

fn recent() -> Recent {
    Recent {
        stamp: Stamp(1_700_000_000_123_000),
        appended_at: AT,
        digest_prefix: [0x22; 8],
        outcome: Outcome::Applied(Sequence(1_000)),
        head_hash: Some(HeadHash::new([0x11; 32])),
        previous_head_hash: Some(HeadHash::new([0x12; 32])),
        judged: Some(judged()),
        as_snapshot: true,
        group_states_below: Some(Epoch(4)),
    }
}

fn head() -> Head {
    Head {
        stamp: Stamp(1_700_000_000_123_000),
        checkpoint: Some(Place {
            log: LogId::new([0x10; 16]),
            partition: PartitionId(255),
            offset: Offset(70_000),
        }),
        sequence: Sequence(1_000),
        hash: HeadHash::new([0x11; 32]),
        group: Some(GroupHead {
            incarnation: Incarnation(0),
            epoch: Epoch(8),
            oldest_epoch: Epoch(5),
            judge: JudgeVersion(1),
            control: ControlState::default(),
            commits_since_snapshot: 3,
            bytes_since_snapshot: 4_096,
            aging: vec![(Epoch(4), AT), (Epoch(8), AT.saturating_add(86_400_000))],
        }),
        redo: Some(Redo {
            sender: Some((DEVICE, sender())),
            members: vec![(DEVICE, member())],
            recent: recent(),
        }),
    }
}

fn envelope() -> Envelope {
    Envelope {
        sequence: Sequence(1_000),
        header: Some(header(RecordKind::Application)),
        digest: Digest::new([0x22; 32]),
        appended_at: AT,
        accepted_at: AT.saturating_sub(5),
        bucket: Some(bucket()),
        head_hash: HeadHash::new([0x11; 32]),
        parked: false,
    }
}

fn parked() -> Envelope {
    Envelope {
        header: None,
        bucket: None,
        parked: true,
        ..envelope()
    }
}

fn record() -> Record {
    Record {
        header: header(RecordKind::Application),
        digest: Digest::new([0x22; 32]),
        accepted_at: AT,
        bucket: Some(bucket()),
        payload: Bytes::from_static(b"ciphertext"),
        payload_expired: false,
    }
}

fn handshake() -> GroupForm {
    GroupForm::Handshake {
        header: header(RecordKind::CommitBundle),
        bundle: Bytes::from_static(b"commit"),
        appended_at: AT,
        judged: judged(),
    }
}

fn welcome() -> StoredWelcome {
    StoredWelcome {
        conversation: CONVERSATION,
        invitation: Invitation {
            device: DEVICE,
            reference: WelcomeRef::new([0x33; 32]),
            incarnation: Incarnation(0),
            epoch: Epoch(8),
            sequence: Sequence(1_000),
            head_hash: HeadHash::new([0x11; 32]),
            welcome: WelcomeBytes::from(b"welcome".to_vec()),
        },
    }
}

/// What was written then is what is written now, and is read as what it was.
#[test]
fn stored_rows_keep_their_bytes() {
    let golden = golden();
    let rows = [
        ("record", record().encode()),
        ("head", head().encode()),
        ("sender", sender().encode()),
        ("member", member().encode()),
        ("recent", recent().encode()),
        ("envelope", envelope().to_row()),
        ("envelope_parked", parked().to_row()),
        ("group_handshake", handshake().encode()),
        ("welcome", welcome().to_row()),
    ];
    for (name, row) in &rows {
        let stored = golden.get(*name).map(hex::encode);
        assert_eq!(stored, Some(hex::encode(row)), "{name}");
    }
    assert_eq!(
        Record::decode(&CONVERSATION, &golden["record"]),
        Ok(record())
    );
    assert_eq!(Head::decode(&golden["head"]), Ok(head()));
    assert_eq!(Sender::decode(&golden["sender"]), Ok(sender()));
    assert_eq!(Member::decode(&golden["member"]), Ok(member()));
    assert_eq!(Recent::decode(&golden["recent"]), Ok(recent()));
    let read = |name: &str| Envelope::from_row(&CONVERSATION, Sequence(1_000), &golden[name]);
    assert_eq!(read("envelope"), Ok(envelope()));
    assert_eq!(read("envelope_parked"), Ok(parked()));
    assert_eq!(
        GroupForm::decode(&golden["group_handshake"]),
        Ok(handshake())
    );
    let reference = WelcomeRef::new([0x33; 32]);
    assert_eq!(
        StoredWelcome::from_row(DEVICE, reference, &golden["welcome"]),
        Ok(welcome())
    );
}

#[test]
fn a_stored_snapshot_is_read_and_written_as_it_was() {
    let stored = &golden()["group_snapshot"];
    let form = GroupForm::decode(stored).unwrap();
    assert_eq!(form.encode(), *stored);
    let GroupForm::Snapshot(founded) = form else {
        panic!("a snapshot");
    };
    assert_eq!(founded.snapshot.epoch(), Epoch(0));
    assert_eq!(founded.snapshot.leaves().unwrap().len(), 1);
    assert_eq!(founded.sequence, Sequence(1));
}

#[test]
fn bent_rows_are_errors_and_never_panics() {
    for (name, row) in golden() {
        for at in 0..row.len() {
            for flip in [0x01, 0x80] {
                let mut bent = row.to_vec();
                bent[at] ^= flip;
                let bent = Bytes::from(bent);
                let _ = match name.as_str() {
                    "record" => Record::decode(&CONVERSATION, &bent).is_ok(),
                    "head" => Head::decode(&bent).is_ok(),
                    "sender" => Sender::decode(&bent).is_ok(),
                    "member" => Member::decode(&bent).is_ok(),
                    "recent" => Recent::decode(&bent).is_ok(),
                    "welcome" => {
                        StoredWelcome::from_row(DEVICE, WelcomeRef::new([0; 32]), &bent).is_ok()
                    }
                    "group_handshake" | "group_snapshot" => GroupForm::decode(&bent).is_ok(),
                    _ => Envelope::from_row(&CONVERSATION, Sequence(1), &bent).is_ok(),
                };
            }
        }
    }
}
