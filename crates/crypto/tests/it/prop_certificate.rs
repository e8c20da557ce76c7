//! Certificates: every way in which a chain can be wrong has its own error.

use proptest::prelude::*;
use xchat_crypto::{
    Certificate, CertificateError, PublicKey, SecretKey, VerifiedDevice,
    certificate::{Grant, verify_chain},
    derive::device_id,
};

use crate::sample::{NOT_BEFORE, account, certify, key};

fn verify(root: &SecretKey, chain: &[Certificate]) -> Result<VerifiedDevice, CertificateError> {
    verify_chain(account(root), chain)
}

#[test]
fn a_device_certified_by_the_root_speaks_for_its_account() {
    let (root, device) = (key(1), key(2));
    for may_certify in [false, true] {
        let certificate = certify(&root, &device, may_certify, &root);
        let expected = VerifiedDevice {
            account: account(&root),
            root: root.public(),
            device_id: device_id(&device.public()),
            device_key: device.public(),
            signer: root.public(),
            not_before: NOT_BEFORE,
            may_certify,
        };
        assert_eq!(verify(&root, &[certificate]), Ok(expected));
    }
}

#[test]
fn a_device_certified_by_a_certifying_device_speaks_for_its_account() {
    let (root, certifier, device) = (key(1), key(2), key(3));
    let chain = [
        certify(&root, &device, false, &certifier),
        certify(&root, &certifier, true, &root),
    ];
    let verified = verify(&root, &chain).unwrap();
    assert_eq!(verified.device_key, device.public());
    assert_eq!(verified.signer, certifier.public());
    assert!(!verified.may_certify);
}

#[test]
fn a_device_without_the_right_cannot_certify() {
    let (root, certifier, device) = (key(1), key(2), key(3));
    let chain = [
        certify(&root, &device, false, &certifier),
        certify(&root, &certifier, false, &root),
    ];
    assert_eq!(verify(&root, &chain), Err(CertificateError::MayNotCertify));
}

#[test]
fn a_device_cannot_pass_the_right_on() {
    let (root, certifier, device) = (key(1), key(2), key(3));
    let chain = [
        certify(&root, &device, true, &certifier),
        certify(&root, &certifier, true, &root),
    ];
    assert_eq!(
        verify(&root, &chain),
        Err(CertificateError::GrantedByDevice)
    );
}

#[test]
fn a_chain_of_three_is_too_deep_whatever_it_grants() {
    let (root, first, second, device) = (key(1), key(2), key(3), key(4));
    let leaf = certify(&root, &device, false, &second);
    let middle = certify(&root, &second, false, &first);
    let top = certify(&root, &first, true, &root);
    assert_eq!(
        verify(&root, &[leaf, middle, top]),
        Err(CertificateError::TooDeep)
    );
    assert_eq!(
        verify(&root, &[leaf, middle]),
        Err(CertificateError::TooDeep)
    );
}

#[test]
fn a_certificate_of_another_account_is_refused_in_either_place() {
    let (root, other, certifier, device) = (key(1), key(5), key(2), key(3));
    let foreign = certify(&other, &device, false, &other);
    assert_eq!(
        verify(&root, &[foreign]),
        Err(CertificateError::OtherAccount)
    );
    let chain = [
        certify(&root, &device, false, &certifier),
        certify(&other, &certifier, true, &other),
    ];
    assert_eq!(verify(&root, &chain), Err(CertificateError::OtherAccount));
}

#[test]
fn the_second_certificate_must_be_of_the_signer() {
    let (root, certifier, device) = (key(1), key(2), key(3));
    let chain = [
        certify(&root, &device, false, &certifier),
        certify(&root, &key(4), true, &root),
    ];
    assert_eq!(verify(&root, &chain), Err(CertificateError::SignerMismatch));
}

#[test]
fn a_chain_has_neither_gap_nor_surplus() {
    let (root, certifier, device) = (key(1), key(2), key(3));
    let by_root = certify(&root, &device, false, &root);
    let by_device = certify(&root, &device, false, &certifier);
    let top = certify(&root, &certifier, true, &root);
    assert_eq!(verify(&root, &[]), Err(CertificateError::Empty));
    assert_eq!(
        verify(&root, &[by_device]),
        Err(CertificateError::MissingSigner)
    );
    assert_eq!(
        verify(&root, &[by_root, top]),
        Err(CertificateError::Superfluous)
    );
}

#[test]
fn a_device_key_is_a_usable_key_other_than_the_root() {
    let root = key(1);
    let as_device = certify(&root, &root, false, &root);
    assert_eq!(
        verify(&root, &[as_device]),
        Err(CertificateError::RootAsDevice)
    );
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let grant = Grant {
        root: root.public(),
        device: PublicKey::new(neutral),
        not_before: NOT_BEFORE,
        may_certify: false,
    };
    let weak = Certificate::issue(&grant, &root);
    assert_eq!(verify(&root, &[weak]), Err(CertificateError::WeakKey));
}

#[test]
fn a_certificate_signed_by_one_who_names_the_root_as_signer_is_refused() {
    let (root, thief) = (key(1), key(6));
    let honest = certify(&root, &thief, true, &root).to_bytes();
    let forged = certify(&root, &thief, true, &thief).to_bytes();
    let mixed = [&honest[..105], &forged[105..]].concat();
    let certificate = Certificate::from_bytes(&mixed).unwrap();
    assert_eq!(
        verify(&root, &[certificate]),
        Err(CertificateError::BadSignature)
    );
}

/// What the chain's verification says after one byte was changed.
fn verify_changed(at: usize, mask: u8, deep: bool) -> Result<VerifiedDevice, CertificateError> {
    let (root, certifier, device) = (key(1), key(2), key(3));
    let chain = [
        certify(&root, &device, false, &certifier),
        certify(&root, &certifier, true, &root),
    ];
    let place = usize::from(deep);
    let mut bytes = chain[place].to_bytes();
    bytes[at] ^= mask;
    let mut changed = chain;
    changed[place] = Certificate::from_bytes(&bytes)?;
    verify(&root, &changed)
}

#[test]
fn a_chain_with_any_bit_flipped_never_verifies() {
    assert!(verify_changed(0, 0, false).is_ok(), "unchanged it does");
    for at in 0..Certificate::LEN {
        for bit in 0..8 {
            for deep in [false, true] {
                assert!(
                    verify_changed(at, 1 << bit, deep).is_err(),
                    "byte {at}, bit {bit}"
                );
            }
        }
    }
}

proptest! {
    #[test]
    fn a_chain_with_any_byte_changed_never_verifies(
        at in 0..Certificate::LEN,
        mask in 1..=u8::MAX,
        deep in any::<bool>(),
    ) {
        prop_assert!(verify_changed(at, mask, deep).is_err());
    }

    #[test]
    fn bytes_that_are_read_are_written_again_unchanged(
        mut bytes in proptest::collection::vec(any::<u8>(), Certificate::LEN),
        may_certify in any::<bool>(),
    ) {
        bytes[72] = u8::from(may_certify);
        prop_assert_eq!(Certificate::from_bytes(&bytes).unwrap().to_bytes(), bytes);
    }

    #[test]
    fn other_lengths_and_flags_are_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..2 * Certificate::LEN),
    ) {
        let well_formed = bytes.len() == Certificate::LEN && bytes[72] < 2;
        prop_assert_eq!(Certificate::from_bytes(&bytes).is_ok(), well_formed);
    }
}
