//! Bytes edited at random: an answer, never a panic, and one encoding for each value.

use std::sync::LazyLock;

use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use xchat_mls::{
    Case, Change, CommitBundle, ControlState, CredentialBytes, Extensions, Genesis, JudgeError,
    LeafIndex, Snapshot, Suite, check_header, credential, judge, judge_genesis, verify_key_package,
};
use xchat_types::{Header, Millis, RecordKind};

use crate::{
    person::{Person, adding, gather},
    rogue::credential_of,
    server::{self, Server},
};

/// One of each thing that comes in from outside.
struct Samples {
    now: Millis,
    snapshot: Snapshot,
    commits: Vec<(Header, Vec<u8>)>,
    genesis: (Header, Vec<u8>),
    key_package: Vec<u8>,
    credential: Vec<u8>,
}

static SAMPLES: LazyLock<Samples> = LazyLock::new(|| {
    let [mut a, mut b, mut c] = [1, 2, 3].map(Person::new);
    let mut server = Server::new();
    gather(&mut server, Suite::Classical, &mut [&mut a, &mut b]);
    let (update_header, update) = a.commit(&Change::default());
    let (add_header, add) = b.commit(&adding(vec![c.package(Suite::Classical)]));
    let extensions = Extensions::group(c.account());
    let (genesis_header, genesis) = c.found(Suite::Classical, extensions);
    Samples {
        now: server::now(),
        snapshot: server.snapshot().clone(),
        commits: vec![
            (update_header, update.to_bytes()),
            (add_header, add.to_bytes()),
        ],
        genesis: (genesis_header, genesis.to_bytes()),
        key_package: c.package(Suite::Hybrid).into_bytes(),
        credential: credential_of(&a).into_bytes(),
    }
});

#[derive(Clone, Debug)]
enum Edit {
    Set(usize, u8),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    Repeat(usize, usize),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let at = any::<usize>();
    let length = 0..64_usize;
    let bytes = proptest::collection::vec(any::<u8>(), 0..16);
    let boundary = prop_oneof![Just(0_u8), Just(0x3f), Just(0x7f), Just(0x80), Just(0xff)];
    let edit = prop_oneof![
        (at, any::<u8>()).prop_map(|(at, value)| Edit::Set(at, value)),
        (at, boundary).prop_map(|(at, value)| Edit::Set(at, value)),
        (at, bytes).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        (at, length.clone()).prop_map(|(at, length)| Edit::Remove(at, length)),
        (at, length).prop_map(|(at, length)| Edit::Repeat(at, length)),
    ];
    proptest::collection::vec(edit, 1..5)
}

fn edited(bytes: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for edit in edits {
        let size = bytes.len() + 1;
        let span = |at: usize, length: usize| at % size..(at % size + length).min(size - 1);
        match edit {
            Edit::Set(at, value) => {
                let at = at % size;
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = *value;
                }
            }
            Edit::Insert(at, more) => drop(bytes.splice(at % size..at % size, more.clone())),
            Edit::Remove(at, length) => drop(bytes.drain(span(*at, *length))),
            Edit::Repeat(at, length) => {
                let span = span(*at, *length);
                let again = bytes[span.clone()].to_vec();
                drop(bytes.splice(span.end..span.end, again));
            }
        }
    }
    bytes
}

fn assert_is_outcome<T>(answer: &Result<T, JudgeError>) {
    match answer {
        Ok(_) | Err(JudgeError::Refused(_)) => {}
        Err(other) => panic!("stops the conversation: {other}"),
    }
}

proptest! {
    #[test]
    fn any_bytes_in_place_of_a_handshake_are_an_outcome(edits in edits()) {
        let samples = &*SAMPLES;
        for (header, bytes) in &samples.commits {
            let bytes = edited(bytes, &edits);
            let _ = check_header(header, &bytes);
            let Ok(bundle) = CommitBundle::from_bytes(&bytes) else { continue };
            assert_eq!(bundle.to_bytes(), bytes);
            let case = Case {
                version: judge::CURRENT,
                header,
                control: &ControlState::default(),
                bundle: &bundle,
                appended_at: samples.now,
            };
            assert_is_outcome(&judge(&samples.snapshot, &case));
        }
        let (header, bytes) = &samples.genesis;
        let bytes = edited(bytes, &edits);
        let _ = check_header(header, &bytes);
        if let Ok(genesis) = Genesis::from_bytes(&bytes) {
            assert_eq!(genesis.to_bytes(), bytes);
            assert_is_outcome(&judge_genesis(judge::CURRENT, header, &genesis, samples.now));
        }
    }

    #[test]
    fn any_bytes_in_place_of_a_package_credential_or_message_are_refused(edits in edits()) {
        let samples = &*SAMPLES;
        let package = edited(&samples.key_package, &edits);
        if package != samples.key_package {
            assert!(verify_key_package(&package.into(), samples.now).is_err());
        }
        let bytes = edited(&samples.credential, &edits);
        if bytes != samples.credential {
            let bytes = CredentialBytes::from(bytes);
            assert!(credential::verify_leaf(LeafIndex(0), &bytes, &[0; 32]).is_err());
        }
        for kind in [RecordKind::Application, RecordKind::Control] {
            let header = Header { kind, ..samples.genesis.0 };
            assert!(check_header(&header, &edited(&samples.genesis.1, &edits)).is_err());
        }
        if let Ok(state) = ControlState::from_bytes(&edited(&[0x82, 1, 0x80], &edits)) {
            assert_eq!(state, ControlState::default());
        }
    }
}
