//! What honest software can make and the judge refuses.

use xchat_mls::{Change, CommitBundle, JudgeError, Refusal, Suite, judge};
use xchat_types::{
    ConversationId, Counter, Header, Incarnation, JudgeVersion, RecordKind, RefuseReason,
};

use crate::{
    person::{Person, adding, direct, gather},
    server::{self, Server},
};

const DAY: u64 = 86_400_000;

type Bend = fn(&mut Header, &Person);

pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T, JudgeError>) -> Refusal {
    match result {
        Err(JudgeError::Refused(refusal)) => refusal,
        other => panic!("expected a refusal: {other:?}"),
    }
}

/// Two people in a group, and a commit by the first that nobody has applied.
fn scene(change: impl FnOnce(&mut Person) -> Change) -> (Server, Person, Header, CommitBundle) {
    let [mut a, mut b] = [1, 2].map(Person::new);
    let mut server = Server::new();
    gather(&mut server, Suite::Classical, &mut [&mut a, &mut b]);
    let change = change(&mut Person::new(3));
    let (header, bundle) = a.commit(&change);
    assert!(server.ask(&header, &bundle).is_ok(), "lawful as it is");
    (server, b, header, bundle)
}

fn add_one(person: &mut Person) -> Change {
    adding(vec![person.package(Suite::Classical)])
}

/// A bundle's parts as CBOR, to be put together otherwise.
fn parts(bundle: &CommitBundle) -> Vec<Vec<u8>> {
    let value: ciborium::Value = ciborium::from_reader(bundle.to_bytes().as_slice()).unwrap();
    let parts = value.into_array().unwrap().into_iter();
    parts.map(|part| part.into_bytes().unwrap()).collect()
}

fn bundle(parts: &[&[u8]]) -> CommitBundle {
    let parts = parts
        .iter()
        .map(|part| ciborium::Value::Bytes(part.to_vec()));
    let mut bytes = Vec::new();
    ciborium::into_writer(&ciborium::Value::Array(parts.collect()), &mut bytes).unwrap();
    CommitBundle::from_bytes(&bytes).unwrap()
}

#[test]
fn a_version_that_this_build_does_not_know_is_no_outcome() {
    let (mut server, mut other, header, bundle) = scene(|_| Change::default());
    server.version = JudgeVersion(2);
    let unknown = JudgeError::UnknownVersion(JudgeVersion(2));
    assert_eq!(server.ask(&header, &bundle).unwrap_err(), unknown);
    assert_eq!(
        other.apply(&server, &header, &bundle).unwrap_err(),
        unknown.into()
    );
    assert_eq!(judge::CURRENT, JudgeVersion(1));
}

#[test]
fn a_commit_of_an_epoch_that_is_over_is_stale_and_one_of_a_later_epoch_is_invalid() {
    let [mut a, mut b] = [1, 2].map(Person::new);
    let mut server = Server::new();
    gather(&mut server, Suite::Classical, &mut [&mut a, &mut b]);
    let early = server.snapshot().clone();
    let (old_header, old) = b.commit(&Change::default());
    let (header, bundle) = a.commit(&Change::default());
    server.submit(&header, &bundle).unwrap();
    let stale = refusal(server.ask(&old_header, &old));
    assert_eq!(
        (stale, stale.reason()),
        (Refusal::StaleEpoch, RefuseReason::StaleEpoch)
    );

    a.apply(&server, &header, &bundle).unwrap();
    let (header, bundle) = a.commit(&Change::default());
    let future = refusal(judge(&early, &server.case(&header, &bundle)));
    assert_eq!(
        (future, future.reason()),
        (Refusal::FutureEpoch, RefuseReason::InvalidHandshake)
    );
}

#[test]
fn a_header_that_says_something_else_than_the_commit_is_refused() {
    let (server, other, header, bundle) = scene(|_| Change::default());
    let changes: [(&str, Bend); 7] = [
        ("another conversation", |h, _| {
            h.conversation = ConversationId::new([9; 32]);
        }),
        ("another incarnation", |h, _| h.incarnation = Incarnation(1)),
        ("another epoch", |h, _| h.epoch = h.epoch.next()),
        ("another sender", |h, other| h.sender = other.id()),
        ("another counter", |h, _| {
            h.counter = Counter(h.counter.0 + 1);
        }),
        ("another creation time", |h, _| {
            h.created_at = h.created_at.saturating_add(1);
        }),
        ("another kind", |h, _| h.kind = RecordKind::Application),
    ];
    for (what, change) in changes {
        let mut changed = header;
        change(&mut changed, &other);
        assert_eq!(
            refusal(server.ask(&changed, &bundle)),
            Refusal::Header,
            "{what}"
        );
    }
}

#[test]
fn a_key_package_must_be_a_day_old_and_have_45_days_to_go_when_its_commit_is_appended() {
    let (mut server, mut other, header, bundle) = scene(add_one);
    let now = server::now();
    for (appended_at, lawful) in [
        (now.saturating_sub(DAY - 60_000), true),
        (now.saturating_sub(DAY + 60_000), false),
        (now.saturating_add(37 * DAY - 60_000), true),
        (now.saturating_add(37 * DAY + 60_000), false),
    ] {
        server.appended_at = appended_at;
        let answer = server.ask(&header, &bundle);
        if lawful {
            assert!(answer.is_ok());
        } else {
            assert_eq!(refusal(answer), Refusal::Lifetime);
            let error = other.apply(&server, &header, &bundle).unwrap_err();
            assert_eq!(
                error,
                JudgeError::from(Refusal::Lifetime).into(),
                "the client says the same"
            );
        }
    }
}

#[test]
fn a_welcome_must_be_for_exactly_the_added_devices() {
    let (server, _, header, with_welcome) = scene(add_one);
    let (_, _, _, other_welcome) = scene(|third| {
        let mut fourth = Person::new(4);
        adding(vec![
            third.package(Suite::Classical),
            fourth.package(Suite::Classical),
        ])
    });
    let (commit, welcome) = (&parts(&with_welcome)[0], &parts(&with_welcome)[1]);
    let foreign = &parts(&other_welcome)[1];
    let truncated = &welcome[..welcome.len() - 1];
    let longer = [welcome.as_slice(), &[0]].concat();
    for (what, bundle) in [
        ("no welcome", bundle(&[commit])),
        ("a welcome for others", bundle(&[commit, foreign])),
        ("a welcome cut short", bundle(&[commit, truncated])),
        (
            "a welcome with something behind",
            bundle(&[commit, &longer]),
        ),
        ("an empty welcome", bundle(&[commit, &[]])),
    ] {
        assert_eq!(
            refusal(server.ask(&header, &bundle)),
            Refusal::Welcome,
            "{what}"
        );
    }
    let (server, _, header, update) = scene(|_| Change::default());
    let uncalled = bundle(&[&parts(&update)[0], welcome]);
    assert_eq!(refusal(server.ask(&header, &uncalled)), Refusal::Welcome);
}

#[test]
fn a_welcome_with_a_secret_less_more_or_twice_is_refused() {
    let mut fourth = Person::new(4);
    let (server, _, two_header, two) = scene(|third| {
        adding(vec![
            third.package(Suite::Classical),
            fourth.package(Suite::Classical),
        ])
    });
    let effect = server.ask(&two_header, &two).unwrap();
    let half = bundle(&[&parts(&two)[0], effect.added[0].welcome.as_bytes()]);
    assert_eq!(
        refusal(server.ask(&two_header, &half)),
        Refusal::Welcome,
        "one of two"
    );

    let (server, _, header, one) = scene(add_one);
    let (commit, welcome) = (&parts(&one)[0], &parts(&one)[1]);
    let own = secrets(welcome);
    let same = with_secrets(welcome, &[&own]);
    server.ask(&header, &bundle(&[commit, &same])).unwrap();
    let foreign = secrets(effect.added[1].welcome.as_bytes());
    for more in [&own, &foreign] {
        let welcome = with_secrets(welcome, &[&own, more]);
        assert_eq!(
            refusal(server.ask(&header, &bundle(&[commit, &welcome]))),
            Refusal::Welcome
        );
    }
}

/// Length of a welcome's secrets, behind frame and suite; of two bytes (RFC 9420, section 2.1.2).
fn length_of_secrets(welcome: &[u8]) -> usize {
    usize::from(u16::from_be_bytes([welcome[6], welcome[7]]) & 0x3fff)
}

fn secrets(welcome: &[u8]) -> Vec<u8> {
    welcome[8..8 + length_of_secrets(welcome)].to_vec()
}

fn with_secrets(welcome: &[u8], secrets: &[&[u8]]) -> Vec<u8> {
    let group_info = &welcome[8 + length_of_secrets(welcome)..];
    let secrets = secrets.concat();
    let length = u16::try_from(secrets.len()).unwrap() | 0x4000;
    [&welcome[..6], &length.to_be_bytes(), &secrets, group_info].concat()
}

#[test]
fn bytes_that_are_no_commit_are_refused_as_malformed() {
    let (server, _, header, update) = scene(|_| Change::default());
    let commit = &parts(&update)[0];
    for bytes in [
        &[][..],
        &[0],
        &commit[..commit.len() - 1],
        &[commit.as_slice(), &[0]].concat(),
    ] {
        assert_eq!(
            refusal(server.ask(&header, &bundle(&[bytes]))),
            Refusal::Malformed
        );
    }
}

#[test]
fn a_bundle_above_512_kib_is_too_large() {
    let (server, _, header, update) = scene(|_| Change::default());
    let padded = bundle(&[&parts(&update)[0], &vec![0; 512 * 1_024]]);
    let refused = refusal(server.ask(&header, &padded));
    assert_eq!(
        (refused, refused.reason()),
        (Refusal::TooLarge, RefuseReason::TooLarge)
    );
}

#[test]
fn nobody_else_gets_into_a_conversation_of_two() {
    let [mut a, b, mut outsider] = [1, 2, 3].map(Person::new);
    let mut server = Server::new();
    let (header, genesis) = a.found(Suite::Classical, direct(&a, &b));
    server.found(&header, &genesis).unwrap();
    let (header, bundle) = a.commit(&adding(vec![outsider.package(Suite::Classical)]));
    assert_eq!(refusal(server.ask(&header, &bundle)), Refusal::Outsider);
}

#[test]
fn a_second_device_of_an_account_that_is_in_is_no_invitation() {
    let [mut a, mut b] = [1, 2].map(Person::new);
    let mut server = Server::new();
    gather(&mut server, Suite::Classical, &mut [&mut a, &mut b]);
    let mut second = Person::with_device(2, 22);
    let (header, bundle) = b.commit(&adding(vec![second.package(Suite::Classical)]));
    let effect = server.submit(&header, &bundle).unwrap();
    assert!(
        effect.added[0].known_account,
        "a member may add own devices"
    );
    assert_eq!(effect.added[0].leaf.account, b.account());
}
