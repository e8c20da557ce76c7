//! The number that two people compare to know that nobody stands between them.

use std::fmt;

use sha2::{Digest as _, Sha512};
use xchat_types::AccountId;

use crate::{derive, sign::PublicKey};

/// Rounds of SHA-512 for each half: makes the search for a second account with the same half, which
/// costs 2^100 tries, as much dearer.
const ROUNDS: u32 = 5_200;
const CHUNKS: usize = 6;

/// Sixty digits of two accounts, the same whoever computes it.
///
/// Each account gives thirty: h = SHA-512("xchat-safety-v1" ‖ account id ‖ root public key), then 5,199
/// times h = SHA-512(h ‖ root public key); six big-endian numbers of five bytes from its front, each
/// modulo 100,000. The smaller half comes first.
#[derive(Clone, PartialEq, Eq)]
pub struct SafetyNumber {
    halves: [[u32; CHUNKS]; 2],
}

impl SafetyNumber {
    pub fn of(one: &PublicKey, other: &PublicKey) -> Self {
        let mut halves = [half(one), half(other)];
        halves.sort_unstable();
        Self { halves }
    }

    /// The sixty digits without spaces.
    pub fn digits(&self) -> String {
        self.groups().collect()
    }

    /// Twelve groups of five digits.
    fn groups(&self) -> impl Iterator<Item = String> + '_ {
        self.halves
            .iter()
            .flatten()
            .map(|part| format!("{part:05}"))
    }
}

/// Twelve groups of five digits, spaces between them.
impl fmt::Display for SafetyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, group) in self.groups().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(&group)?;
        }
        Ok(())
    }
}

/// Redacted: the number tells which two accounts talk.
impl fmt::Debug for SafetyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SafetyNumber(redacted)")
    }
}

fn half(root: &PublicKey) -> [u32; CHUNKS] {
    let account: AccountId = derive::account_id(root);
    let mut hash = Sha512::new()
        .chain_update(b"xchat-safety-v1")
        .chain_update(account.as_bytes())
        .chain_update(root.as_bytes())
        .finalize();
    for _ in 1..ROUNDS {
        hash = Sha512::new()
            .chain_update(hash)
            .chain_update(root.as_bytes())
            .finalize();
    }
    let mut parts = [0; CHUNKS];
    let (chunks, _) = hash.as_slice().as_chunks::<5>();
    for (part, [a, b, c, d, e]) in parts.iter_mut().zip(chunks) {
        let number = u64::from_be_bytes([0, 0, 0, *a, *b, *c, *d, *e]) % 100_000;
        *part = u32::try_from(number).unwrap_or_default();
    }
    parts
}
