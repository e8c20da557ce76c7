//! What the gateway sees of a record without any key.

use xchat_crypto::ControlRecord;
use xchat_mls::{Change, Extensions, HeaderMismatch, Suite, check_header};
use xchat_types::{
    ControlKind, ConversationId, Counter, DeviceId, Header, Incarnation, RecordKind,
};

use crate::{
    person::{Person, gather},
    server::Server,
};

fn control(person: &mut Person) -> (Header, Vec<u8>) {
    let header = person.header(RecordKind::Control);
    let record = ControlRecord {
        conversation: header.conversation,
        incarnation: header.incarnation,
        kind: ControlKind::Accept,
        account: person.account(),
        device: person.id(),
        counter: header.counter,
        created_at: header.created_at,
        certificates: Vec::new(),
        detail: Vec::new(),
    };
    (header, record.sign(person.device.key()).unwrap().to_bytes())
}

/// One record of each kind.
fn records() -> Vec<(Header, Vec<u8>)> {
    let mut founder = Person::new(9);
    let extensions = Extensions::group(founder.account());
    let (genesis_header, genesis) = founder.found(Suite::Classical, extensions);
    let [mut a, mut b] = [1, 2].map(Person::new);
    gather(&mut Server::new(), Suite::Classical, &mut [&mut a, &mut b]);
    let (said_header, said) = b.say("hello");
    let (commit_header, commit) = a.commit(&Change::default());
    vec![
        (genesis_header, genesis.to_bytes()),
        (commit_header, commit.to_bytes()),
        (said_header, said.into_bytes()),
        control(&mut a),
    ]
}

#[test]
fn a_record_of_each_kind_passes_under_its_own_header() {
    for (header, payload) in records() {
        assert_eq!(check_header(&header, &payload), Ok(()), "{:?}", header.kind);
    }
}

#[test]
fn no_record_passes_as_another_kind_group_or_epoch() {
    let records = records();
    for (header, payload) in &records {
        for (other, _) in &records {
            if other.kind != header.kind {
                let as_other = Header {
                    kind: other.kind,
                    ..*header
                };
                assert_eq!(check_header(&as_other, payload), Err(HeaderMismatch::Kind));
            }
        }
        let elsewhere = Header {
            conversation: ConversationId::new([1; 32]),
            ..*header
        };
        assert_eq!(
            check_header(&elsewhere, payload),
            Err(HeaderMismatch::Group)
        );
        let later = Header {
            incarnation: Incarnation(1),
            ..*header
        };
        assert_eq!(check_header(&later, payload), Err(HeaderMismatch::Group));
        let epoch = Header {
            epoch: header.epoch.next(),
            ..*header
        };
        // A control record is of no epoch.
        let expected = (header.kind != RecordKind::Control).then_some(HeaderMismatch::Epoch);
        assert_eq!(check_header(&epoch, payload).err(), expected);
        for at in 0..payload.len() {
            assert_eq!(
                check_header(header, &payload[..at]),
                Err(HeaderMismatch::Kind)
            );
        }
    }
}

#[test]
fn sender_counter_and_time_are_bound_where_they_can_be_seen() {
    for (header, payload) in records() {
        if !matches!(header.kind, RecordKind::Application | RecordKind::Control) {
            continue;
        }
        let changed = [
            Header {
                sender: DeviceId::new([1; 16]),
                ..header
            },
            Header {
                counter: Counter(99),
                ..header
            },
            Header {
                created_at: header.created_at.saturating_add(1),
                ..header
            },
        ];
        for changed in changed {
            assert_eq!(
                check_header(&changed, &payload),
                Err(HeaderMismatch::Binding)
            );
        }
    }
}
