//! Ed25519: the standard's own vectors, labels, strictness.

use ed25519_dalek::{Verifier as _, VerifyingKey};
use xchat_crypto::{BadSignature, Label, PublicKey, SecretKey, Signature, sign::WeakKey};

use crate::sample::key;

/// RFC 8032, section 7.1: seed, public key, message, signature.
const RFC_8032: [[&str; 4]; 2] = [
    [
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ],
    [
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ],
];

fn bytes(hex: &str) -> Vec<u8> {
    hex::decode(hex).unwrap()
}

#[test]
fn signatures_are_those_of_the_standard() {
    for [seed, public, message, signature] in RFC_8032 {
        let key = SecretKey::from_seed(bytes(seed).try_into().unwrap());
        assert_eq!(key.public().as_bytes().as_slice(), bytes(public));
        let made = key.sign_unlabelled(&bytes(message));
        assert_eq!(made.as_bytes().as_slice(), bytes(signature));
        assert_eq!(
            key.public().verify_unlabelled(&bytes(message), &made),
            Ok(())
        );
    }
}

#[test]
fn a_signature_for_one_purpose_counts_for_no_other() {
    for made_for in Label::ALL {
        let signature = key(1).sign(made_for, b"bytes");
        for used_for in Label::ALL {
            let verified = key(1).public().verify(used_for, b"bytes", &signature);
            assert_eq!(verified.is_ok(), made_for == used_for);
        }
        let bare = key(1).public().verify_unlabelled(b"bytes", &signature);
        assert_eq!(bare, Err(BadSignature));
    }
}

#[test]
fn no_label_is_the_beginning_of_another() {
    for one in Label::ALL {
        for other in Label::ALL {
            assert!(one == other || !other.as_bytes().starts_with(one.as_bytes()));
        }
    }
}

#[test]
fn a_signature_of_another_key_is_refused() {
    let signature = key(1).sign(Label::Login, b"bytes");
    let verified = key(2).public().verify(Label::Login, b"bytes", &signature);
    assert_eq!(verified, Err(BadSignature));
}

#[test]
fn a_key_of_small_order_verifies_nothing_and_is_named_weak() {
    // The neutral point as key and commitment, and zero as scalar: s·B = R + h·A for any message.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut forged = [0; 64];
    forged[0] = 1;
    let lenient = VerifyingKey::from_bytes(&neutral).unwrap();
    let forgery = ed25519_dalek::Signature::from_bytes(&forged);
    assert!(
        lenient.verify(b"anything", &forgery).is_ok(),
        "the attack is real"
    );

    let weak = PublicKey::new(neutral);
    let verified = weak.verify_unlabelled(b"anything", &Signature::new(forged));
    assert_eq!(verified, Err(BadSignature));
    assert_eq!(weak.check(), Err(WeakKey));
    assert_eq!(key(1).public().check(), Ok(()));
}

#[test]
fn bytes_that_are_no_point_are_no_usable_key() {
    let mut bytes = [0; 32];
    bytes[0] = 2;
    assert_eq!(PublicKey::new(bytes).check(), Err(WeakKey));
    let signature = key(1).sign(Label::Login, b"");
    let verified = PublicKey::new(bytes).verify(Label::Login, b"", &signature);
    assert_eq!(verified, Err(BadSignature));
}

#[test]
fn a_signature_has_one_form_only() {
    // The group's order added to s gives the same equation: strict verification wants s reduced.
    let order: [u8; 32] = bytes("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
        .try_into()
        .unwrap();
    let mut signature = *key(1).sign(Label::Login, b"bytes").as_bytes();
    let mut carry = 0;
    for (byte, addend) in signature[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(addend) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    let verified = key(1)
        .public()
        .verify(Label::Login, b"bytes", &Signature::new(signature));
    assert_eq!(verified, Err(BadSignature));
}

#[test]
fn secrets_print_redacted_and_compare_by_value() {
    assert_eq!(format!("{:?}", key(7)), "SecretKey(redacted)");
    assert_eq!(key(7), key(7));
    assert_ne!(key(7), key(8));
    assert_eq!(*key(7).seed(), [7; 32]);
}
