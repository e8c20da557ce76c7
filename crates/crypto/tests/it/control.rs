//! Control records: what was signed is what is read.

use proptest::prelude::*;
use xchat_crypto::{ControlError, ControlRecord, SignedControl};
use xchat_types::{ControlKind, limits::MAX_HANDSHAKE_BYTES};

use crate::sample::{certify, control_record, key};

#[test]
fn a_signed_record_is_read_as_it_was_made() {
    let (root, device) = (key(1), key(2));
    for number in 1..=7 {
        let record = ControlRecord {
            kind: ControlKind::from_number(number).unwrap(),
            certificates: vec![certify(&root, &device, false, &root); usize::from(number % 3)],
            detail: vec![number; usize::from(number) - 1],
            ..control_record()
        };
        let bytes = record.sign(&device).unwrap().to_bytes();
        let signed = SignedControl::from_bytes(&bytes).unwrap();
        assert_eq!(signed.claims(), Ok(record.clone()));
        assert_eq!(signed.verify(&device.public()), Ok(record));
        assert_eq!(
            signed.verify(&root.public()),
            Err(ControlError::BadSignature)
        );
    }
}

#[test]
fn a_record_with_any_bit_flipped_never_verifies() {
    let (root, device) = (key(1), key(2));
    let record = ControlRecord {
        certificates: vec![certify(&root, &device, false, &root)],
        detail: b"detail".to_vec(),
        ..control_record()
    };
    let bytes = record.sign(&device).unwrap().to_bytes();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let read =
            SignedControl::from_bytes(&flipped).and_then(|signed| signed.verify(&device.public()));
        assert!(read.is_err(), "bit {bit}");
    }
}

#[test]
fn an_oversized_record_is_neither_made_nor_read() {
    let (root, device) = (key(1), key(2));
    let long = ControlRecord {
        detail: vec![0; MAX_HANDSHAKE_BYTES],
        ..control_record()
    };
    assert_eq!(long.sign(&device), Err(ControlError::TooLarge));
    let many = ControlRecord {
        certificates: vec![certify(&root, &device, false, &root); 3],
        ..control_record()
    };
    assert_eq!(many.sign(&device), Err(ControlError::TooLarge));
    let oversized = SignedControl {
        body: vec![0; MAX_HANDSHAKE_BYTES + 1],
        signature: key(2).sign_unlabelled(b""),
    };
    let read = SignedControl::from_bytes(&oversized.to_bytes());
    assert_eq!(read, Err(ControlError::TooLarge));
}

#[test]
fn a_body_with_bytes_behind_its_end_is_refused_even_when_signed() {
    let device = key(2);
    let mut body = control_record().sign(&device).unwrap().body;
    body.push(0);
    let signature = device.sign(xchat_crypto::Label::Control, &body);
    let read = SignedControl { body, signature }.verify(&device.public());
    assert!(matches!(read, Err(ControlError::Malformed(_))));
}

proptest! {
    #[test]
    fn no_bytes_make_the_readers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        if let Ok(signed) = SignedControl::from_bytes(&bytes) {
            prop_assert_eq!(signed.to_bytes(), bytes.clone());
        }
        let signature = key(2).sign_unlabelled(b"");
        let _ = SignedControl { body: bytes, signature }.claims();
    }
}
