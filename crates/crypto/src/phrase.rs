//! The 24 words that an account is (BIP-39, English list).

use std::fmt;

use bip39::{Language, Mnemonic};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{kdf, sign::SecretKey};

/// Words of a phrase.
pub const WORDS: usize = 24;

/// The phrase of an account: 256 bits of entropy and an 8-bit checksum. Wiped when dropped,
/// printed redacted.
#[derive(Clone)]
pub struct Phrase(Mnemonic);

/// Why a text is not a phrase. Names positions, never words: an error may end in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PhraseError {
    #[error("a phrase has 24 words, this one has {got}")]
    WordCount { got: usize },
    /// Counted from 1.
    #[error("word {position} is not in the word list: look for a typing mistake")]
    UnknownWord { position: usize },
    #[error("all words exist, but not together: one is wrong or two have changed places")]
    Checksum,
}

impl Phrase {
    #[expect(clippy::expect_used, reason = "BIP-39 takes any 256 bits")]
    pub fn from_entropy(entropy: [u8; 32]) -> Self {
        let entropy = Zeroizing::new(entropy);
        let mnemonic = Mnemonic::from_entropy_in(Language::English, entropy.as_slice());
        Self(mnemonic.expect("BIP-39 takes any 256 bits"))
    }

    /// Reads what a person typed: any case, any white space between words.
    pub fn parse(text: &str) -> Result<Self, PhraseError> {
        let text = Zeroizing::new(text.to_ascii_lowercase());
        let got = text.split_whitespace().count();
        if got != WORDS {
            return Err(PhraseError::WordCount { got });
        }
        Mnemonic::parse_in_normalized(Language::English, &text)
            .map(Self)
            .map_err(|error| match error {
                bip39::Error::UnknownWord(index) => PhraseError::UnknownWord {
                    position: index.saturating_add(1),
                },
                bip39::Error::BadWordCount(got) => PhraseError::WordCount { got },
                bip39::Error::InvalidChecksum
                | bip39::Error::BadEntropyBitCount(_)
                | bip39::Error::AmbiguousLanguages(_) => PhraseError::Checksum,
            })
    }

    /// The words in order, to be shown to their owner and nobody else.
    pub fn words(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.words()
    }

    /// The words with single spaces between them.
    pub fn text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(WORDS * 9));
        for word in self.words() {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(word);
        }
        text
    }

    /// The account's root key: Ed25519 from HKDF-SHA256(BIP-39 seed, empty passphrase, no salt,
    /// info "xchat/root/ed25519/v1").
    pub fn root_key(&self) -> SecretKey {
        let seed = Zeroizing::new(self.0.to_seed_normalized(""));
        let key = kdf::hkdf(seed.as_slice(), b"xchat/root/ed25519/v1");
        SecretKey::from_seed(*key)
    }
}

impl fmt::Debug for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phrase(redacted)")
    }
}
