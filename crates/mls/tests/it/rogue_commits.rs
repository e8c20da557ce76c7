//! What no honest software makes, by a member that may do anything its role allows.

use openmls::prelude::{
    CredentialType, Extension, ExtensionType, Extensions, LeafNodeParameters, MlsGroup,
    MlsGroupJoinConfig, MlsMessageBodyIn, MlsMessageIn, NewSignerBundle,
    PURE_PLAINTEXT_WIRE_FORMAT_POLICY, PreSharedKeyProposal, Proposal,
    RequiredCapabilitiesExtension, UnknownExtension,
};
use openmls::schedule::psk::{ExternalPsk, PreSharedKeyId, Psk};
use openmls_traits::OpenMlsProvider as _;
use xchat_mls::{CredentialError, Direct, JudgeError, Refusal, credential, group::ApplyError};
use xchat_types::{AccountId, Header, RecordKind};

use crate::{
    person::{Person, certificate, device},
    refusals::refusal,
    rogue::{
        DIRECT, POLICY, Rogue, SUITE, Wish, binding, bundle, bundle_of, capabilities,
        credential_of, lifetime, usual_lifetime, with_key,
    },
    server::Server,
};

const DAY: i64 = 86_400;

type Change = Box<dyn Fn(&mut Vec<Extension>)>;

/// The server refuses it, and the other member says the same on its own.
fn assert_refused(
    server: &Server,
    owner: &mut Person,
    case: (&Header, &xchat_mls::CommitBundle),
    expected: Refusal,
) {
    let (header, bundle) = case;
    assert_eq!(refusal(server.ask(header, bundle)), expected);
    let error = owner.apply(server, header, bundle).unwrap_err();
    assert_eq!(error, ApplyError::Judge(JudgeError::Refused(expected)));
}

#[test]
fn the_same_member_may_update_itself() {
    let (server, mut owner, mut rogue) = Rogue::in_a_group(7);
    let header = rogue.header();
    let bundle = rogue.commit(&header, Wish::default());
    server.ask(&header, &bundle).unwrap();
    owner.apply(&server, &header, &bundle).unwrap();
}

#[test]
fn a_commit_that_is_not_bound_to_its_header_is_refused() {
    let (server, mut owner, mut rogue) = Rogue::in_a_group(7);
    let header = rogue.header();
    let parameters = LeafNodeParameters::default();
    let made =
        rogue.lend(|group, provider, device| group.self_update(provider, device, parameters));
    let made = made.unwrap();
    let bundle = bundle_of(made.commit().to_bytes().unwrap(), None);
    assert_refused(&server, &mut owner, (&header, &bundle), Refusal::Header);
}

#[test]
fn a_commit_under_a_header_of_another_kind_or_sender_is_refused_even_if_bound_to_it() {
    for change in [
        |header: &mut Header, _: &Person| header.kind = RecordKind::Application,
        |header: &mut Header, owner: &Person| header.sender = owner.id(),
    ] {
        let (server, mut owner, mut rogue) = Rogue::in_a_group(7);
        let mut header = rogue.header();
        change(&mut header, &owner);
        let bundle = rogue.commit(&header, Wish::default());
        assert_refused(&server, &mut owner, (&header, &bundle), Refusal::Header);
    }
}

#[test]
fn pre_shared_keys_are_refused() {
    let (server, mut owner, mut rogue) = Rogue::in_a_group(7);
    let header = rogue.header();
    let psk = Psk::External(ExternalPsk::new(vec![1; 32]));
    let id = PreSharedKeyId::new(SUITE, rogue.provider.rand(), psk).unwrap();
    id.store(&rogue.provider, &[2; 32]).unwrap();
    let proposal = Proposal::PreSharedKey(Box::new(PreSharedKeyProposal::new(id)));
    let wish = Wish {
        proposals: vec![proposal],
        ..Wish::default()
    };
    let bundle = rogue.commit(&header, wish);
    assert_refused(&server, &mut owner, (&header, &bundle), Refusal::Proposal);
}

#[test]
fn nobody_enters_by_an_external_commit() {
    let (server, mut owner, mut rogue) = Rogue::in_a_group(7);
    let stranger = Rogue::new(8);
    let group_info = rogue.lend(|group, provider, device| {
        group
            .export_group_info(provider.crypto(), device, true)
            .unwrap()
    });
    let MlsMessageBodyIn::GroupInfo(group_info) = MlsMessageIn::from(group_info).extract() else {
        panic!("a group info");
    };
    let tree = rogue.group().export_ratchet_tree();
    let config = MlsGroupJoinConfig::builder()
        .wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY)
        .build();
    let mut header = rogue.header();
    header.sender = stranger.device.id();
    let (_, made) = MlsGroup::external_commit_builder()
        .with_ratchet_tree(tree.into())
        .with_config(config)
        .with_aad(binding(&header))
        .build_group(
            &stranger.provider,
            group_info,
            with_key(&stranger.credential, &stranger.device),
        )
        .unwrap()
        .leaf_node_parameters(
            LeafNodeParameters::builder()
                .with_capabilities(capabilities())
                .build(),
        )
        .load_psks(stranger.provider.storage())
        .unwrap()
        .build(
            stranger.provider.rand(),
            stranger.provider.crypto(),
            &stranger.device,
            |_| true,
        )
        .unwrap()
        .finalize(&stranger.provider)
        .unwrap();
    let bundle = bundle(&made);
    assert_refused(
        &server,
        &mut owner,
        (&header, &bundle),
        Refusal::NotByMember,
    );
}

#[test]
fn a_proposal_alone_is_no_handshake() {
    let (server, mut owner, mut rogue) = Rogue::in_a_group(7);
    let header = rogue.header();
    let parameters = LeafNodeParameters::default();
    let (proposal, _) = rogue
        .lend(|group, provider, device| group.propose_self_update(provider, device, parameters))
        .unwrap();
    let bundle = bundle_of(proposal.to_bytes().unwrap(), None);
    assert_refused(&server, &mut owner, (&header, &bundle), Refusal::Malformed);
}

#[test]
fn a_commit_that_refers_to_a_proposal_sent_elsewhere_is_refused() {
    let (server, mut owner, mut rogue) = Rogue::in_a_group(7);
    let header = rogue.header();
    let package = Rogue::new(8);
    let package = package.package(&package.credential, usual_lifetime());
    rogue
        .lend(|group, provider, device| group.propose_add_member(provider, device, &package))
        .unwrap();
    let bundle = rogue.commit(&header, Wish::default());
    assert_refused(&server, &mut owner, (&header, &bundle), Refusal::Invalid);
}

#[test]
fn a_leaf_cannot_become_somebody_elses() {
    // Another certified device of the same account; then the same key for another account.
    let (_, second) = device(7, 77);
    let second_person = Person::with_device(7, 77);
    let other_root = Person::new(9);
    let (_, own) = device(7, 7);
    let foreign = certificate(&other_root.root, own.key());
    let moved = credential::encode(&other_root.account(), &own.id(), &[foreign]);
    for (credential, signer) in [(credential_of(&second_person), second), (moved, own)] {
        let (server, mut owner, mut rogue) = Rogue::in_a_group(7);
        let header = rogue.header();
        rogue.lend(|group, provider, old_signer| {
            group.set_aad(binding(&header));
            let bundle = group
                .commit_builder()
                .force_self_update(true)
                .load_psks(provider.storage())
                .unwrap()
                .build_with_new_signer(
                    provider.rand(),
                    provider.crypto(),
                    old_signer,
                    NewSignerBundle {
                        signer: &signer,
                        credential_with_key: with_key(&credential, &signer),
                    },
                    |_| true,
                )
                .unwrap()
                .stage_commit(provider)
                .unwrap();
            let bundle = self::bundle(&bundle);
            assert_refused(
                &server,
                &mut owner,
                (&header, &bundle),
                Refusal::IdentityChanged,
            );
        });
    }
}

#[test]
fn a_leaf_with_a_foreign_certificate_is_not_added() {
    let (server, mut owner, mut rogue) = Rogue::in_a_group(7);
    let victim = Person::new(8);
    let stolen = credential_of(&victim);
    let header = rogue.header();
    let thief = Rogue::new(66);
    let wish = Wish {
        add: vec![thief.package(&stolen, usual_lifetime())],
        ..Wish::default()
    };
    let bundle = rogue.commit(&header, wish);
    let expected = Refusal::Credential(CredentialError::SignatureKey);
    assert_refused(&server, &mut owner, (&header, &bundle), expected);
}

#[test]
fn a_key_package_that_is_too_young_too_short_or_too_long_is_refused() {
    for odd in [
        lifetime(-60, 80 * DAY),
        lifetime(-2 * DAY, 5),
        lifetime(-2 * DAY, 83 * DAY),
    ] {
        let (server, mut owner, mut rogue) = Rogue::in_a_group(7);
        let header = rogue.header();
        let newcomer = Rogue::new(8);
        let wish = Wish {
            add: vec![newcomer.package(&newcomer.credential, odd)],
            ..Wish::default()
        };
        let bundle = rogue.commit(&header, wish);
        assert_refused(&server, &mut owner, (&header, &bundle), Refusal::Lifetime);
    }
}

#[test]
fn even_an_owner_cannot_change_what_never_changes() {
    let direct = Direct::between(AccountId::new([1; 32]), AccountId::new([2; 32])).unwrap();
    let mut direct_bytes = vec![0x82];
    for account in direct.accounts() {
        direct_bytes.extend([0x58, 32]);
        direct_bytes.extend(account.as_bytes());
    }
    let unknown = |kind, bytes: Vec<u8>| Extension::Unknown(kind, UnknownExtension(bytes));
    let changes: [(&str, Change); 6] = [
        ("policy gone", Box::new(|list| list.truncate(1))),
        (
            "external senders",
            Box::new(|list| list.push(Extension::ExternalSenders(Vec::new()))),
        ),
        ("another order", Box::new(|list| list.swap(0, 1))),
        (
            "capabilities changed",
            Box::new(|list| {
                let swapped = [DIRECT, POLICY].map(ExtensionType::Unknown);
                let basic = [CredentialType::Basic];
                let other = RequiredCapabilitiesExtension::new(&swapped, &[], &basic);
                list[0] = Extension::RequiredCapabilities(other);
            }),
        ),
        (
            "two accounts named",
            Box::new(move |list| list.push(unknown(DIRECT, direct_bytes.clone()))),
        ),
        (
            "policy not canonical",
            Box::new(move |list| list[1] = unknown(POLICY, vec![0x86, 0x18, 1])),
        ),
    ];
    for (what, change) in changes {
        let (server, mut owner, mut rogue) = Rogue::in_a_group(7);
        let header = rogue.header();
        let mut list = rogue.extensions();
        change(&mut list);
        let wish = Wish {
            extensions: Some(Extensions::from_vec(list).unwrap()),
            ..Wish::default()
        };
        let bundle = rogue.commit(&header, wish);
        let refused = refusal(server.ask(&header, &bundle));
        let expected = matches!(refused, Refusal::Extensions(_) | Refusal::Unchangeable);
        assert!(expected, "{what}: {refused}");
        assert_refused(&server, &mut owner, (&header, &bundle), refused);
    }
}
