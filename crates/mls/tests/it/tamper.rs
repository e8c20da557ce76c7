//! Bent bytes: no panic anywhere, and nothing passes but what no server can see.

use std::collections::BTreeSet;

use xchat_mls::{Change, CommitBundle, JudgeError, Suite};
use xchat_types::Header;

use crate::{
    person::{Person, adding, gather},
    server::Server,
};

/// Offsets, of every `step`-th, at which a flipped bit passes the judge.
fn passing(
    server: &Server,
    header: &Header,
    bundle: &CommitBundle,
    step: usize,
) -> BTreeSet<usize> {
    let bytes = bundle.to_bytes();
    let mut passed = BTreeSet::new();
    for at in (0..bytes.len()).step_by(step) {
        assert!(CommitBundle::from_bytes(&bytes[..at]).is_err());
        let mut bent = bytes.clone();
        bent[at] ^= 1 << (at % 8);
        let Ok(bent) = CommitBundle::from_bytes(&bent) else {
            continue;
        };
        match server.ask(header, &bent) {
            Ok(_) => passed.insert(at),
            Err(JudgeError::Refused(_)) => false,
            Err(other) => panic!("byte {at} is not refused but stops the conversation: {other}"),
        };
    }
    passed
}

fn scene(suite: Suite, change: impl FnOnce() -> Change) -> (Server, Person, Header, CommitBundle) {
    let [mut a, mut b] = [1, 2].map(Person::new);
    let mut server = Server::new();
    gather(&mut server, suite, &mut [&mut a, &mut b]);
    let (header, bundle) = a.commit(&change());
    (server, b, header, bundle)
}

#[test]
fn of_an_update_only_the_two_tags_can_be_bent_unseen_and_a_member_sees_those() {
    let (server, mut member, header, bundle) = scene(Suite::Classical, Change::default);
    let passed = passing(&server, &header, &bundle, 1);
    // Confirmation and membership tag, 32 bytes each, with a length byte each, end the commit.
    let length = bundle.to_bytes().len();
    let expected: BTreeSet<usize> = (length - 65..length - 33)
        .chain(length - 32..length)
        .collect();
    assert_eq!(passed, expected);
    for at in [length - 65, length - 1] {
        let mut bent = bundle.to_bytes();
        bent[at] ^= 1;
        let bent = CommitBundle::from_bytes(&bent).unwrap();
        let error = member.apply(&server, &header, &bent).unwrap_err();
        assert_eq!(error, xchat_mls::group::ApplyError::CannotApply);
    }
    member.apply(&server, &header, &bundle).unwrap();
}

#[test]
fn of_an_add_only_tags_and_ciphertexts_of_the_welcome_can_be_bent_unseen() {
    let add = || adding(vec![Person::new(3).package(Suite::Classical)]);
    let (server, _, header, bundle) = scene(Suite::Classical, add);
    let effect = server.ask(&header, &bundle).unwrap();
    let bytes = bundle.to_bytes();
    let welcome = bytes.len() - effect.added[0].welcome.as_bytes().len();
    // Behind the frame, the suite, the length of the secrets and the key package reference.
    let reference = welcome + 4 + 2 + 2 + 1 + 32;
    // In front of the welcome: its length of three bytes, and the tags.
    let tags = welcome - 3 - 65;
    for at in passing(&server, &header, &bundle, 1) {
        let in_tags = (tags..welcome - 3).contains(&at);
        assert!(in_tags || at >= reference, "byte {at} of {}", bytes.len());
    }
}

#[test]
fn a_hybrid_commit_bent_anywhere_is_refused_or_passes_but_never_panics() {
    let (server, mut member, header, bundle) = scene(Suite::Hybrid, Change::default);
    let passed = passing(&server, &header, &bundle, 7);
    let tags = bundle.to_bytes().len() - 2 * 49;
    assert!(
        passed.iter().all(|at| *at >= tags),
        "only the tags of 48 bytes"
    );
    member.apply(&server, &header, &bundle).unwrap();
}

#[test]
fn a_bent_message_is_never_read() {
    let [mut a, mut b] = [1, 2].map(Person::new);
    let mut server = Server::new();
    gather(&mut server, Suite::Classical, &mut [&mut a, &mut b]);
    let (header, message) = a.say("as it was said");
    let bytes = message.as_bytes();
    for at in 0..bytes.len() {
        let mut bent = bytes.to_vec();
        bent[at] ^= 1;
        assert!(
            b.group().decrypt(&header, &bent.into()).is_err(),
            "byte {at}"
        );
        assert!(
            b.group()
                .decrypt(&header, &bytes[..at].to_vec().into())
                .is_err()
        );
        b.group().revert().unwrap();
    }
    assert_eq!(b.hear(&header, &message).as_deref(), Ok("as it was said"));
}
