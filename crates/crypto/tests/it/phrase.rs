//! Phrases: the published vectors, and what people mistype.

use xchat_crypto::{Phrase, PhraseError};

/// 24-word vectors of the BIP-39 reference implementation (trezor/python-mnemonic, vectors.json).
const PUBLISHED: [(u8, &str); 4] = [
    (
        0x00,
        "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon \
         abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon \
         abandon art",
    ),
    (
        0x7f,
        "legal winner thank year wave sausage worth useful legal winner thank year wave sausage \
         worth useful legal winner thank year wave sausage worth title",
    ),
    (
        0x80,
        "letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount \
         doctor acoustic avoid letter advice cage absurd amount doctor acoustic bless",
    ),
    (
        0xff,
        "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo \
         zoo vote",
    ),
];

#[test]
fn entropy_gives_the_published_words_and_they_give_the_same_key() {
    for (entropy, words) in PUBLISHED {
        let phrase = Phrase::from_entropy([entropy; 32]);
        assert_eq!(phrase.text().as_str(), words);
        let parsed = Phrase::parse(words).unwrap();
        assert_eq!(parsed.root_key(), phrase.root_key());
    }
}

#[test]
fn case_and_white_space_do_not_matter() {
    let (_, words) = PUBLISHED[1];
    let typed = format!("\n {}\t", words.to_uppercase().replace(' ', "  \r\n"));
    let key = Phrase::parse(words).unwrap().root_key();
    assert_eq!(Phrase::parse(&typed).unwrap().root_key(), key);
}

#[test]
fn a_mistake_is_named_without_the_word() {
    let (_, words) = PUBLISHED[1];
    let refused = |text: &str| Phrase::parse(text).unwrap_err();
    assert_eq!(refused(""), PhraseError::WordCount { got: 0 });
    assert_eq!(
        refused(
            "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon \
                 abandon about"
        ),
        PhraseError::WordCount { got: 12 }
    );
    let unknown = refused(&words.replacen("thank", "thakn", 1));
    assert_eq!(unknown, PhraseError::UnknownWord { position: 3 });
    assert!(!unknown.to_string().contains("thakn"));
    assert_eq!(
        refused(&words.replace("title", "thank")),
        PhraseError::Checksum
    );
    assert_eq!(refused(&"ä".repeat(24)), PhraseError::WordCount { got: 1 });
    assert_eq!(
        refused(&"ä ".repeat(24)),
        PhraseError::UnknownWord { position: 1 }
    );
}

#[test]
fn different_phrases_have_different_root_keys_and_none_is_printed() {
    let [one, other] = [1, 2].map(|byte| Phrase::from_entropy([byte; 32]));
    assert_ne!(one.root_key(), other.root_key());
    assert_eq!(format!("{one:?}"), "Phrase(redacted)");
}
