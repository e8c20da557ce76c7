//! The first record of a conversation.

use xchat_mls::{
    Direct, Extensions, Founding, Genesis, Group, JudgeError, Policy, Refusal, Role, Suite,
    judge_genesis,
};
use xchat_types::{Counter, Epoch, Header, Incarnation, JudgeVersion, RecordKind};

use crate::{
    person::{CONVERSATION, Person},
    refusals::refusal,
    server::{self, Server},
};

const DAY: u64 = 86_400_000;

type Change = fn(&mut Header);

fn founded(person: &mut Person, extensions: Extensions) -> (Header, Genesis) {
    person.found(Suite::Classical, extensions)
}

fn verdict(header: &Header, genesis: &Genesis) -> Result<(), JudgeError> {
    Server::new().found(header, genesis)
}

#[test]
fn a_genesis_of_one_leaf_is_taken_on_both_suites() {
    for suite in Suite::ALL {
        let mut person = Person::new(1);
        let extensions = Extensions::group(person.account());
        let (header, genesis) = person.found(suite, extensions);
        verdict(&header, &genesis).unwrap();
    }
}

#[test]
fn a_genesis_under_another_header_is_refused() {
    let mut person = Person::new(1);
    let extensions = Extensions::group(person.account());
    let (header, genesis) = founded(&mut person, extensions);
    let changes: [Change; 5] = [
        |h| h.conversation = xchat_types::ConversationId::new([1; 32]),
        |h| h.incarnation = Incarnation(1),
        |h| h.epoch = Epoch(1),
        |h| h.sender = xchat_types::DeviceId::new([1; 16]),
        |h| h.kind = RecordKind::CommitBundle,
    ];
    for change in changes {
        let mut changed = header;
        change(&mut changed);
        assert_eq!(refusal(verdict(&changed, &genesis)), Refusal::Header);
    }
    let unknown = judge_genesis(JudgeVersion(9), &header, &genesis, server::now());
    assert_eq!(
        unknown.unwrap_err(),
        JudgeError::UnknownVersion(JudgeVersion(9))
    );
}

#[test]
fn a_later_incarnation_begins_only_inside_a_reset() {
    let person = Person::new(1);
    let founding = Founding {
        conversation: CONVERSATION,
        incarnation: Incarnation(1),
        suite: Suite::Classical,
        extensions: Extensions::group(person.account()),
        now: server::now(),
    };
    let (_, genesis) = Group::create(&person.device, &founding).unwrap();
    let header = Header {
        conversation: CONVERSATION,
        incarnation: Incarnation(1),
        epoch: Epoch(0),
        sender: person.id(),
        counter: Counter(1),
        kind: RecordKind::Genesis,
        created_at: server::now(),
    };
    assert_eq!(refusal(verdict(&header, &genesis)), Refusal::Header);
}

#[test]
fn the_creators_leaf_obeys_the_law_on_lifetimes() {
    let mut person = Person::new(1);
    let extensions = Extensions::group(person.account());
    let (header, genesis) = founded(&mut person, extensions);
    let now = server::now();
    for (appended_at, lawful) in [
        (now.saturating_sub(DAY - 60_000), true),
        (now.saturating_sub(DAY + 60_000), false),
        (now.saturating_add(37 * DAY - 60_000), true),
        (now.saturating_add(37 * DAY + 60_000), false),
    ] {
        let mut server = Server::new();
        server.appended_at = appended_at;
        let answer = server.found(&header, &genesis);
        assert_eq!(answer.is_ok(), lawful);
        if !lawful {
            assert_eq!(refusal(answer), Refusal::Lifetime);
        }
    }
}

#[test]
fn a_group_needs_its_creator_as_owner_and_a_direct_one_both_accounts() {
    let [mut a, b, c] = [1, 2, 3].map(Person::new);
    let direct = Direct::between(a.account(), b.account()).unwrap();
    let foreign = Direct::between(c.account(), b.account()).unwrap();
    let owner_of = |accounts: &[&Person]| Policy {
        roles: accounts
            .iter()
            .map(|p| (p.account(), Role::Owner))
            .collect(),
        ..Policy::default()
    };
    for (policy, direct) in [
        (Policy::default(), None),
        (owner_of(&[&b]), None),
        (owner_of(&[&a]), Some(direct)),
        (owner_of(&[&a, &b, &c]), Some(foreign)),
    ] {
        let mut a = Person::with_device(1, 1);
        let (header, genesis) = founded(&mut a, Extensions { policy, direct });
        assert_eq!(refusal(verdict(&header, &genesis)), Refusal::NoOwner);
    }
    let (header, genesis) = founded(&mut a, Extensions::direct(direct));
    verdict(&header, &genesis).unwrap();
}

#[test]
fn no_change_of_a_genesis_byte_panics_and_only_what_no_server_can_see_passes() {
    let mut person = Person::new(1);
    let extensions = Extensions::group(person.account());
    let (header, genesis) = founded(&mut person, extensions);
    let bytes = genesis.to_bytes();
    let mut passed = 0;
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let Ok(changed) = Genesis::from_bytes(&changed) else {
            continue;
        };
        match judge_genesis(xchat_mls::judge::CURRENT, &header, &changed, server::now()) {
            Err(JudgeError::Refused(_)) => {}
            Err(other) => panic!("not an outcome: {other}"),
            Ok(_) => passed += 1,
        }
        assert!(Genesis::from_bytes(&bytes[..at]).is_err());
    }
    assert_eq!(passed, 0, "the group info is signed");
}
