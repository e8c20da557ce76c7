//! Padding gives back what it was given and costs little.

use std::collections::BTreeSet;

use proptest::prelude::*;
use xchat_crypto::padding::{MIN_CLASS, NotPadded, pad, size_class, unpad};

proptest! {
    #[test]
    fn what_was_padded_comes_back(content in proptest::collection::vec(any::<u8>(), 0..5_000)) {
        let padded = pad(content.clone());
        prop_assert_eq!(padded.len(), size_class(content.len() + 1));
        prop_assert_eq!(unpad(padded).unwrap(), content);
    }

    #[test]
    fn content_that_ends_like_padding_comes_back(
        mut content in proptest::collection::vec(any::<u8>(), 0..300),
        tail in proptest::collection::vec(prop_oneof![Just(0_u8), Just(0x80)], 0..300),
    ) {
        content.extend(tail);
        prop_assert_eq!(unpad(pad(content.clone())).unwrap(), content);
    }

    #[test]
    fn above_one_kibibyte_a_class_adds_at_most_twelve_per_cent(length in 1_024_usize..1 << 40) {
        let class = size_class(length + 1);
        prop_assert!(class > length);
        prop_assert!((class - length) * 100 <= length * 12);
    }

    #[test]
    fn no_bytes_make_unpad_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let marked = bytes.iter().rfind(|byte| **byte != 0) == Some(&0x80);
        prop_assert_eq!(unpad(bytes).is_ok(), marked);
    }
}

#[test]
fn a_class_is_its_own_class_and_they_grow() {
    for length in 0..70_000 {
        let class = size_class(length);
        assert!(class >= length.max(MIN_CLASS));
        assert_eq!(size_class(class), class);
        assert!(class <= size_class(length + 1));
    }
}

#[test]
fn lengths_up_to_64_kib_fall_into_few_classes() {
    let classes: BTreeSet<usize> = (0..=65_536).map(size_class).collect();
    // The smallest, 8 up to 256 bytes, and 16 in each of the 8 doublings up to 64 KiB.
    assert_eq!(classes.len(), 1 + 8 + 8 * 16);
    assert_eq!(classes.first(), Some(&MIN_CLASS));
}

#[test]
fn huge_lengths_do_not_overflow() {
    assert!(size_class(usize::MAX) > usize::MAX / 2);
}

#[test]
fn what_is_all_zeros_or_empty_was_not_padded() {
    assert_eq!(unpad(vec![0; 128]), Err(NotPadded));
    assert_eq!(unpad(Vec::new()), Err(NotPadded));
}
