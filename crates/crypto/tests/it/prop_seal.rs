//! Values at rest open in their place, unchanged, under their key, and in no other case.

use std::collections::HashSet;

use proptest::{collection::vec, prelude::*};
use xchat_crypto::{
    SealError, StoreKey,
    seal::{LockCost, LockError, LockedKey, OVERHEAD},
};
use xchat_types::Sequence;

const TINY: LockCost = LockCost {
    memory_kib: 8,
    passes: 1,
};

fn store() -> StoreKey {
    StoreKey::new([7; 32])
}

proptest! {
    #[test]
    fn a_sealed_value_opens_in_its_place_only(
        plaintext in vec(any::<u8>(), 0..300),
        aad in vec(any::<u8>(), 0..50),
        other_aad in vec(any::<u8>(), 0..50),
        nonce in any::<[u8; 24]>(),
    ) {
        let sealed = store().seal(&aad, nonce, &plaintext).unwrap();
        prop_assert_eq!(sealed.len(), plaintext.len() + OVERHEAD);
        let opened = store().open(&aad, &sealed).unwrap();
        prop_assert_eq!(&*opened, &plaintext);
        if aad != other_aad {
            prop_assert_eq!(store().open(&other_aad, &sealed), Err(SealError::Refused));
        }
        let other_key = StoreKey::new([8; 32]).open(&aad, &sealed);
        prop_assert_eq!(other_key, Err(SealError::Refused));
        let subkey = store().subkey("archive").open(&aad, &sealed);
        prop_assert_eq!(subkey, Err(SealError::Refused));
    }

    #[test]
    fn a_sealed_value_with_any_byte_changed_or_cut_is_refused(
        plaintext in vec(any::<u8>(), 0..100),
        at in any::<prop::sample::Index>(),
        mask in 1..=u8::MAX,
    ) {
        let mut sealed = store().seal(b"place", [1; 24], &plaintext).unwrap();
        let at = at.index(sealed.len());
        prop_assert!(store().open(b"place", &sealed[..at]).is_err());
        sealed[at] ^= mask;
        prop_assert_eq!(store().open(b"place", &sealed), Err(SealError::Refused));
    }

    #[test]
    fn no_bytes_make_the_readers_panic(bytes in vec(any::<u8>(), 0..120)) {
        prop_assert!(store().open(b"", &bytes).is_err());
        let _ = LockedKey::from_bytes(&bytes);
    }
}

#[test]
fn the_same_value_sealed_with_two_nonces_looks_different() {
    let [one, other] = [[1; 24], [2; 24]].map(|nonce| store().seal(b"", nonce, b"value").unwrap());
    assert_ne!(one[24..], other[24..]);
}

#[test]
fn table_keys_differ_by_store_table_and_id_and_rows_lie_in_order() {
    let keys: HashSet<_> = [
        store().table_key("messages", b"id"),
        store().table_key("messages", b"ie"),
        store().table_key("message", b"sid"),
        store().subkey("archive").table_key("messages", b"id"),
        StoreKey::new([8; 32]).table_key("messages", b"id"),
    ]
    .into();
    assert_eq!(keys.len(), 5);
    let rows: Vec<_> = [0, 1, 255, 256, u64::MAX]
        .map(|sequence| store().table_key("messages", b"id").row(Sequence(sequence)))
        .into();
    assert!(rows.is_sorted());
    assert!(rows.iter().all(|row| row[..32] == rows[0][..32]));
}

#[test]
fn a_locked_key_opens_with_its_passphrase_only() {
    let locked = store().lock(b"right", [1; 16], [2; 24], TINY).unwrap();
    let read = LockedKey::from_bytes(&locked.to_bytes()).unwrap();
    assert_eq!(read, locked);
    assert_eq!(read.unlock(b"right"), Ok(store()));
    for wrong in [b"wrong".as_slice(), b"", b"right\n"] {
        assert_eq!(read.unlock(wrong), Err(LockError::WrongPassphrase));
    }
}

#[test]
fn a_locked_key_with_any_byte_changed_is_refused() {
    let bytes = store()
        .lock(b"right", [1; 16], [2; 24], TINY)
        .unwrap()
        .to_bytes();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        // The high bit: where the cost lies it asks for too much, and is refused before the work.
        changed[at] ^= 0x80;
        let unlocked = LockedKey::from_bytes(&changed).and_then(|read| read.unlock(b"right"));
        assert!(unlocked.is_err(), "byte {at}");
    }
}

#[test]
fn a_key_file_that_asks_for_too_much_or_too_little_is_refused_without_work() {
    let cost = |memory_kib, passes| LockCost { memory_kib, passes };
    for absurd in [cost(u32::MAX, 1), cost(8, u32::MAX), cost(7, 1), cost(8, 0)] {
        let locked = store().lock(b"", [1; 16], [2; 24], absurd);
        assert_eq!(locked, Err(LockError::Cost), "{absurd:?}");
    }
    let mut bytes = store()
        .lock(b"", [1; 16], [2; 24], TINY)
        .unwrap()
        .to_bytes();
    bytes[1] = 0xff;
    assert_eq!(LockedKey::from_bytes(&bytes), Err(LockError::Cost));
    bytes[0] = 2;
    assert_eq!(LockedKey::from_bytes(&bytes), Err(LockError::Version));
}

#[test]
fn the_standard_cost_works() {
    let locked = store()
        .lock(b"right", [1; 16], [2; 24], LockCost::STANDARD)
        .unwrap();
    assert_eq!(locked.unlock(b"right"), Ok(store()));
}

#[test]
fn keys_print_redacted() {
    assert_eq!(format!("{:?}", store()), "StoreKey(redacted)");
}
