//! Digest and head hash cover every field; derivations stay apart.

use std::collections::HashSet;

use xchat_crypto::{
    derive::{device_id, group_id, keyed_hash, partition},
    envelope::{HEADER_LEN, HeadLink, canonical_header, digest, head_hash, head_hash_start},
};
use xchat_types::{
    Bucket, BucketClass, ControlHash, ConversationId, Counter, Digest, Epoch, Header, Incarnation,
    Millis, RecordKind, Sequence,
};

use crate::sample::{header, key};

#[test]
fn the_digest_covers_every_header_field_and_the_payload() {
    let headers = [
        header(),
        Header {
            conversation: ConversationId::new([0x12; 32]),
            ..header()
        },
        Header {
            incarnation: Incarnation(2),
            ..header()
        },
        Header {
            epoch: Epoch(3),
            ..header()
        },
        Header {
            sender: device_id(&key(3).public()),
            ..header()
        },
        Header {
            counter: Counter(4),
            ..header()
        },
        Header {
            kind: RecordKind::Control,
            ..header()
        },
        Header {
            created_at: Millis(1_700_000_000_005),
            ..header()
        },
    ];
    let mut digests: HashSet<Digest> = headers
        .iter()
        .map(|header| digest(header, b"payload"))
        .collect();
    digests.insert(digest(&header(), b"payloae"));
    digests.insert(digest(&header(), b""));
    assert_eq!(digests.len(), headers.len() + 2);
    assert!(
        headers
            .iter()
            .all(|header| canonical_header(header).len() == HEADER_LEN)
    );
}

#[test]
fn the_head_hash_covers_every_field_of_its_link_and_all_that_came_before() {
    let bucket = |class, index| Some(Bucket { class, index });
    let link = HeadLink {
        sequence: Sequence(1),
        appended_at: Millis(2),
        accepted_at: Millis(3),
        bucket: bucket(BucketClass::OneHour, 4),
        control_hash: ControlHash::new([5; 32]),
        digest: Digest::new([6; 32]),
    };
    let links = [
        link,
        HeadLink {
            sequence: Sequence(2),
            ..link
        },
        HeadLink {
            appended_at: Millis(3),
            ..link
        },
        HeadLink {
            accepted_at: Millis(2),
            ..link
        },
        HeadLink {
            bucket: bucket(BucketClass::OneHour, 5),
            ..link
        },
        HeadLink {
            bucket: bucket(BucketClass::FiveMinutes, 4),
            ..link
        },
        HeadLink {
            bucket: None,
            ..link
        },
        HeadLink {
            control_hash: ControlHash::new([6; 32]),
            ..link
        },
        HeadLink {
            digest: Digest::new([5; 32]),
            ..link
        },
    ];
    let [one, other] = [[1; 32], [2; 32]].map(|id| head_hash_start(&ConversationId::new(id)));
    let mut hashes: HashSet<_> = links.iter().map(|link| head_hash(&one, link)).collect();
    hashes.insert(head_hash(&other, &link));
    hashes.insert(one);
    hashes.insert(other);
    assert_eq!(hashes.len(), links.len() + 3);
}

#[test]
fn each_incarnation_has_its_own_group() {
    let conversation = ConversationId::new([1; 32]);
    let groups: HashSet<_> = (0..100)
        .map(|incarnation| group_id(&conversation, Incarnation(incarnation)))
        .collect();
    assert_eq!(groups.len(), 100);
}

#[test]
fn partitions_are_within_bounds_used_evenly_and_depend_on_the_key() {
    let conversations: Vec<_> = (0..=u8::MAX)
        .map(|byte| ConversationId::new([byte; 32]))
        .collect();
    let place = |key: u8, partitions| -> Vec<u32> {
        let partition = |id| partition(&[key; 32], id, partitions).0;
        conversations.iter().map(partition).collect()
    };
    for partition in 0..8 {
        let share = place(1, 8)
            .iter()
            .filter(|found| **found == partition)
            .count();
        assert!((16..=64).contains(&share), "{share} of 256 in one of 8");
    }
    assert_ne!(place(1, 256), place(2, 256));
    assert!(place(1, 1).iter().all(|partition| *partition == 0));
    assert_eq!(place(1, 0), place(1, 1), "no partitions count as one");
}

#[test]
fn a_keyed_hash_keeps_domain_and_data_apart() {
    let key = [1; 32];
    assert_ne!(keyed_hash(&key, "ab", b"c"), keyed_hash(&key, "a", b"bc"));
    assert_ne!(
        keyed_hash(&key, "ab", b"c"),
        keyed_hash(&[2; 32], "ab", b"c")
    );
}
