//! Stored rows, byte for byte: what one version writes every later one must read.

use std::collections::BTreeMap;

use serde::{Serialize, de::DeserializeOwned};
use xchat_crypto::{Phrase, SecretKey};
use xchat_mls::{ControlState, Suite, judge};
use xchat_proto::common::Reason;
use xchat_types::{
    AccountId, ClaimId, ConversationId, Counter, DeviceId, Epoch, HeadHash, Header, Incarnation,
    KeyPackageRef, Millis, RecordKind, RefuseReason, Sequence,
};

use super::{HistoryRow, RowKey, Table, decode, encode};
use crate::{
    command::Ticket,
    content::{Content, Salt},
    conversation::{ConversationRow, Doubt, Entry, Phase, Submission, Text, What},
    directory::Waiting,
    event::{NotSent, Suspension},
    identity::Identity,
    packages::Unpublished,
    returned::Returned,
};

const GOLDEN: &str = include_str!("../../../../testdata/core/rows.json");

fn history() -> HistoryRow {
    HistoryRow {
        sequence: Sequence(7),
        sender: AccountId::new([1; 32]),
        device: DeviceId::new([2; 16]),
        counter: Counter(4),
        accepted_at: Millis(1_700_000_000_123),
        created_at: Millis(1_700_000_000_000),
        ticket: Some(Ticket([3; 16])),
        content: Content::text(Salt([4; 16]), "hello\u{1b}[0m", Some("alice".to_owned()))
            .to_bytes(),
    }
}

fn asking() -> ConversationRow {
    let peer = AccountId::new([5; 32]);
    let mut row = ConversationRow::asking(peer, Some("bob".to_owned()), ClaimId::new([6; 16]));
    row.answer = Some(true);
    row.suspension = Some(Suspension::RolledBack {
        cursor: Sequence(9),
        head: Sequence(8),
    });
    row
}

fn invited() -> ConversationRow {
    let entry = Entry {
        incarnation: Incarnation(0),
        suite: Suite::Hybrid,
        sequence: Sequence(2),
        head_hash: HeadHash::new([7; 32]),
        control: &ControlState::default(),
        judge: judge::CURRENT,
    };
    let mut row = ConversationRow::invited(&entry, AccountId::new([5; 32]), None);
    row.peer_root = Some(SecretKey::from_seed([8; 32]).public().into());
    row.request = Some(history());
    row.phase = Phase::Merged(ConversationId::new([9; 32]));
    row
}

fn submission() -> Submission {
    let header = Header {
        conversation: ConversationId::new([10; 32]),
        incarnation: Incarnation(0),
        epoch: Epoch(1),
        sender: DeviceId::new([2; 16]),
        counter: Counter(4),
        kind: RecordKind::Application,
        created_at: Millis(1_700_000_000_000),
    };
    Submission::new(What::Text(3), header, vec![11; 20])
}

/// Bytes of every kind of row, and a check that they are read back.
fn rows() -> BTreeMap<&'static str, Vec<u8>> {
    let mut identity = Identity::create(SecretKey::from_seed([12; 32]), true, [13; 32]);
    identity.certificate(Millis(1_700_000_000_000)).unwrap();
    identity.row.registered = true;
    identity.row.username = Some("alice".to_owned());
    let identity = encode(&identity.row).to_vec();
    assert!(Identity::from_bytes(&identity).unwrap().device.is_some());

    let mut text = Text::new(Ticket([3; 16]), [4; 16], "hello".to_owned());
    text.content = vec![1, 2, 3];
    let waiting = Waiting {
        ticket: Ticket([3; 16]),
        name: "bob".to_owned(),
        text: "hello".to_owned(),
        since: None,
    };
    let unpublished = Unpublished {
        suite: 2,
        last_resort: true,
        reference: KeyPackageRef::new([15; 32]),
        key_package: vec![14; 30],
    };
    let submission = submission().to_bytes().to_vec();
    assert_eq!(
        Submission::from_bytes(&submission)
            .unwrap()
            .to_bytes()
            .to_vec(),
        submission
    );
    let unseen = Phrase::from_entropy([16; 32]);
    let unseen = Identity::of_phrase(&unseen, false, [13; 32]);
    let unseen = encode(&unseen.row).to_vec();
    let read = Identity::from_bytes(&unseen).unwrap();
    assert_eq!(read.unseen_phrase().unwrap().words().count(), 24);
    let returned = |reason| Returned {
        ticket: Ticket([3; 16]),
        conversation: Some(ConversationId::new([10; 32])),
        to: Some("bob".to_owned()),
        text: "hello".to_owned(),
        reason,
    };
    let doubt = Doubt::new(self::submission(), Some(Reason::TooLarge), vec![1, 2, 3]).to_bytes();
    assert_eq!(Doubt::from_bytes(&doubt).unwrap().to_bytes(), doubt);
    BTreeMap::from([
        ("identity", identity),
        ("identity, words unseen", unseen),
        (
            "outbox, with its time",
            twice(&text.clone().written(Some(Millis(1_700_000_000_000)))),
        ),
        ("doubt", doubt.to_vec()),
        (
            "returned, refused by the fold",
            twice(&returned(NotSent::Refused(RefuseReason::NotMember))),
        ),
        (
            "returned, refused by the server",
            twice(&returned(NotSent::ServerRefused(Reason::TooLarge))),
        ),
        ("returned", twice(&returned(NotSent::UsernameUnknown))),
        ("history", twice(&history())),
        ("conversation, asking", twice(&asking())),
        ("conversation, invited", twice(&invited())),
        ("outbox", twice(&text)),
        ("submission", submission),
        ("waiting", twice(&waiting)),
        ("publication", twice(&unpublished)),
        ("name", twice(&AccountId::new([1; 32]))),
        ("key, device", RowKey::named(Table::Name, "bob").to_bytes()),
        (
            "key, history",
            RowKey::within(ConversationId::new([10; 32]), Table::History, 7).to_bytes(),
        ),
    ])
}

fn twice<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(row: &T) -> Vec<u8> {
    let bytes = encode(row).to_vec();
    assert_eq!(decode::<T>("golden", &bytes).as_ref(), Ok(row));
    bytes
}

#[test]
fn stored_rows_are_what_they_were() {
    let golden: BTreeMap<String, String> = serde_json::from_str(GOLDEN).unwrap();
    let rows = rows();
    let now: BTreeMap<String, String> = rows
        .iter()
        .map(|(name, bytes)| ((*name).to_owned(), hex::encode(bytes)))
        .collect();
    assert_eq!(
        golden,
        now,
        "{}",
        serde_json::to_string_pretty(&now).unwrap()
    );
}

#[test]
fn rows_that_are_cut_or_damaged_are_refused_and_never_panic() {
    for (name, bytes) in rows().iter().filter(|(name, _)| !name.starts_with("key")) {
        for end in 0..bytes.len() {
            let cut = &bytes[..end];
            assert!(
                decode::<ConversationRow>("x", cut).is_err(),
                "{name} at {end}"
            );
            assert!(Identity::from_bytes(cut).is_err(), "{name} at {end}");
            assert!(Submission::from_bytes(cut).is_err(), "{name} at {end}");
            assert!(Text::from_bytes(cut).is_err(), "{name} at {end}");
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x55;
            let _ = ConversationRow::from_bytes(&damaged);
            let _ = Identity::from_bytes(&damaged);
            let _ = Submission::from_bytes(&damaged);
            let _ = Doubt::from_bytes(&damaged);
            let _ = decode::<Returned>("x", &damaged);
            let _ = HistoryRow::from_bytes(&damaged).map(|row| row.text());
        }
    }
}
