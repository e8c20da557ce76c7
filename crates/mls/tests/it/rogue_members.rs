//! What a device must find out without the judge: whom it joins, and who speaks.

use openmls::prelude::{
    Extensions as MlsExtensions, GroupContext, KeyPackage, KeyPackageIn, MlsMessageBodyIn,
    MlsMessageIn, ProtocolVersion,
};
use openmls_rust_crypto::RustCrypto;
use tls_codec::Deserialize as _;
use xchat_mls::{
    ApplicationBytes, CredentialError, Extensions, KeyPackageBytes, Suite,
    group::{DecryptError, JoinError},
};
use xchat_types::{Header, RecordKind};

use crate::{
    person::{Person, direct},
    rogue::{Rogue, binding, credential_of, usual_lifetime},
};

/// The context of a group with our extensions, as an honest device makes it.
fn context(extensions: Extensions) -> MlsExtensions<GroupContext> {
    let mut honest = Person::new(50);
    let (_, genesis) = honest.found(Suite::Classical, extensions);
    let value: ciborium::Value = ciborium::from_reader(genesis.to_bytes().as_slice()).unwrap();
    let group_info = value.into_array().unwrap().remove(0).into_bytes().unwrap();
    let message = MlsMessageIn::tls_deserialize_exact(&group_info).unwrap();
    let MlsMessageBodyIn::GroupInfo(info) = message.extract() else {
        panic!("a group info");
    };
    info.group_context().extensions().clone()
}

fn open(package: &KeyPackageBytes) -> KeyPackage {
    KeyPackageIn::tls_deserialize_exact(package.as_bytes())
        .unwrap()
        .validate(&RustCrypto::default(), ProtocolVersion::Mls10)
        .unwrap()
}

#[test]
fn a_group_with_a_leaf_that_is_nobodys_is_not_joined() {
    let mut joiner = Person::new(2);
    let package = open(&joiner.package(Suite::Classical));
    let victim = Person::new(3);
    let mut thief = Rogue::new(4);
    thief.credential = credential_of(&victim);
    let extensions = context(Extensions::group(victim.account()));
    let (welcome, tree) = thief.gather_unseen(extensions, &[package]);
    let expected = JoinError::Credential(CredentialError::SignatureKey);
    assert_eq!(joiner.join(&welcome, &tree), Err(expected));
    assert_eq!(joiner.packages.references().len(), 1);
}

#[test]
fn a_conversation_of_two_with_a_third_is_not_joined() {
    let mut joiner = Person::new(2);
    let mut inviter = Rogue::new(4);
    let third = Rogue::new(5);
    let third = third.package(&third.credential, usual_lifetime());
    let pair = direct(&joiner, &Person::new(4));
    for (others, joined) in [(vec![third], Err(JoinError::Foreign)), (vec![], Ok(()))] {
        let mut packages = vec![open(&joiner.package(Suite::Classical))];
        packages.extend(others);
        let (welcome, tree) = inviter.gather_unseen(context(pair.clone()), &packages);
        assert_eq!(joiner.join(&welcome, &tree), joined);
        inviter = Rogue::new(4);
    }
}

#[test]
fn a_group_without_our_extensions_is_not_joined() {
    let mut joiner = Person::new(2);
    let package = open(&joiner.package(Suite::Classical));
    let mut inviter = Rogue::new(4);
    let (welcome, tree) = inviter.gather_unseen(MlsExtensions::empty(), &[package]);
    let error = joiner.join(&welcome, &tree).unwrap_err();
    assert!(matches!(error, JoinError::Extensions(_)), "{error}");
}

#[test]
fn a_member_cannot_speak_in_anothers_name() {
    let (_, mut owner, mut rogue) = Rogue::in_a_group(7);
    let own = rogue.header();
    for (sender, expected) in [
        (rogue.device.id(), None),
        (owner.id(), Some(DecryptError::Header)),
        (Person::new(60).id(), Some(DecryptError::Header)),
    ] {
        let header = Header {
            sender,
            kind: RecordKind::Application,
            ..own
        };
        let message = rogue.lend(|group, provider, device| {
            group.set_aad(binding(&header));
            group.create_message(provider, device, b"it is me").unwrap()
        });
        let message = ApplicationBytes::from(message.to_bytes().unwrap());
        assert_eq!(owner.hear(&header, &message).err(), expected);
        owner.group().revert().unwrap();
    }
}
