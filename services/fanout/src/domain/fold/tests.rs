use bytes::Bytes;
use xchat_types::{
    Bucket, BucketClass, ConversationId, Counter, DeviceId, Digest, Epoch, Header, Incarnation,
    LogId, Millis, Offset, Outcome, PartitionId, RecordKind, Sequence,
};

use super::*;
use crate::domain::Place;

const ID: ConversationId = ConversationId::new([1; 32]);
const SENDER: DeviceId = DeviceId::new([2; 16]);

fn logged(bytes: Bytes, offset: u64) -> Logged {
    Logged {
        place: Place {
            log: LogId::new([3; 16]),
            partition: PartitionId(0),
            offset: Offset(offset),
        },
        appended_at: Millis(1_000),
        conversation: ID,
        bytes,
    }
}

fn record() -> Record {
    Record {
        header: Header {
            conversation: ID,
            incarnation: Incarnation(0),
            epoch: Epoch(0),
            sender: SENDER,
            counter: Counter(1),
            kind: RecordKind::Application,
            created_at: Millis(900),
        },
        digest: Digest::new([4; 32]),
        accepted_at: Millis(950),
        bucket: Some(Bucket {
            class: BucketClass::OneHour,
            index: 800,
        }),
        payload: Bytes::from_static(b"x"),
        payload_expired: false,
    }
}

fn outcome(folded: &Folded) -> Outcome {
    folded
        .conversation
        .head
        .redo
        .as_ref()
        .unwrap()
        .recent
        .outcome
        .clone()
}

#[test]
fn a_record_on_which_a_decision_panics_is_parked_and_consumes_its_counter() {
    let mut conversation = Conversation::unborn(ID);
    conversation.senders.entry(SENDER).or_default();
    let bad: Decide = |_, _, _| panic!("on purpose");
    let folded = fold_by(conversation, &logged(record().encode(), 0), bad).unwrap();
    assert_eq!(outcome(&folded), Outcome::Parked(Sequence(1)));
    let told = folded.effects.told.unwrap();
    assert_eq!(
        (told.device, told.outcome),
        (SENDER, Outcome::Parked(Sequence(1)))
    );

    let again = fold(folded.conversation, &logged(record().encode(), 1)).unwrap();
    let first = Box::new(Outcome::Parked(Sequence(1)));
    let digest_prefix = [4; 8];
    assert_eq!(
        outcome(&again),
        Outcome::Duplicate {
            first,
            digest_prefix
        }
    );
    assert_eq!(again.conversation.head.sequence, Sequence(1));
}

#[test]
fn bytes_that_are_no_record_are_parked_under_the_conversation_of_their_frame() {
    let other = Record {
        header: Header {
            conversation: ConversationId::new([9; 32]),
            ..record().header
        },
        ..record()
    };
    let no_bucket = Record {
        bucket: None,
        ..record()
    };
    let empty = Record {
        payload: Bytes::new(),
        ..record()
    };
    let mut conversation = Conversation::unborn(ID);
    let unreadable = [
        Bytes::from_static(b"\xff"),
        other.encode(),
        no_bucket.encode(),
        empty.encode(),
    ];
    for (offset, bytes) in (0..).zip(unreadable) {
        let folded = fold(conversation, &logged(bytes, offset)).unwrap();
        assert_eq!(outcome(&folded), Outcome::Parked(Sequence(offset + 1)));
        assert_eq!(folded.effects.envelope.as_ref().unwrap().header, None);
        conversation = folded.conversation;
    }
}

#[test]
fn without_the_rows_it_needs_the_fold_stops_and_guesses_nothing() {
    let conversation = Conversation::unborn(ID);
    assert_eq!(conversation.lacks(&record()).sender, Some(SENDER));
    let stopped = fold(conversation, &logged(record().encode(), 0)).unwrap_err();
    assert_eq!(stopped, Stop::NotLoaded("sender row"));
}
