//! Values at rest in a client's store: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) under keys that
//! follow from one store key.

mod lock;

use std::fmt;

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::Zeroizing;

pub use lock::{LockCost, LockError, LockedKey, Salt};
use xchat_types::Sequence;

use crate::kdf;

/// Random, never used twice under one key.
pub type Nonce = [u8; 24];

const NONCE_LEN: usize = 24;
const TAG_LEN: usize = 16;

/// Bytes that [`StoreKey::seal`] adds to a plaintext.
pub const OVERHEAD: usize = NONCE_LEN + TAG_LEN;

/// Why a value was not sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SealError {
    #[error("the sealed value is cut short")]
    Malformed,
    #[error("the sealed value was changed, moved to another place, or is under another key")]
    Refused,
    #[error("the value is too long to be sealed")]
    TooLong,
}

/// The key of a client's store. Wiped when dropped, compared in constant time, printed redacted.
///
/// The 32 bytes themselves encrypt nothing. From them HKDF-SHA256 without salt gives the key of
/// values (info "xchat/store/values/v1"), the key of table keys ("xchat/store/tables/v1") and
/// further store keys ("xchat/store/sub/v1/" ‖ name).
#[derive(Clone)]
pub struct StoreKey {
    secret: Zeroizing<[u8; 32]>,
    values: Zeroizing<[u8; 32]>,
    tables: Zeroizing<[u8; 32]>,
}

/// Where a value lies: a keyed hash, so that a stolen store does not tell who talks to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableKey([u8; 32]);

impl TableKey {
    pub const LEN: usize = 32;

    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Hash 32 ‖ sequence u64: rows of one id lie in the order of their sequences.
    pub fn row(&self, sequence: Sequence) -> [u8; 40] {
        let mut row = [0; 40];
        let source = self.0.into_iter().chain(sequence.0.to_be_bytes());
        row.iter_mut().zip(source).for_each(|(to, from)| *to = from);
        row
    }
}

impl StoreKey {
    pub fn new(secret: [u8; 32]) -> Self {
        let secret = Zeroizing::new(secret);
        Self {
            values: kdf::hkdf(secret.as_slice(), b"xchat/store/values/v1"),
            tables: kdf::hkdf(secret.as_slice(), b"xchat/store/tables/v1"),
            secret,
        }
    }

    /// The bytes the key was made from, for `<profile>/key`.
    pub fn secret(&self) -> Zeroizing<[u8; 32]> {
        self.secret.clone()
    }

    /// An independent store key for another use.
    pub fn subkey(&self, name: &'static str) -> Self {
        let info = [b"xchat/store/sub/v1/", name.as_bytes()].concat();
        Self::new(*kdf::hkdf(self.secret.as_slice(), &info))
    }

    /// HMAC-SHA256(key of table keys, length of the table's name u32 ‖ name ‖ id).
    pub fn table_key(&self, table: &'static str, id: &[u8]) -> TableKey {
        let length = u32::try_from(table.len()).unwrap_or(u32::MAX);
        TableKey(kdf::hmac(
            &self.tables,
            &[&length.to_be_bytes(), table.as_bytes(), id],
        ))
    }

    /// Nonce 24 ‖ ciphertext ‖ tag 16. `aad` names the value's place, so that it opens nowhere else.
    pub fn seal(&self, aad: &[u8], nonce: Nonce, plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
        seal(&self.values, aad, nonce, plaintext)
    }

    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        open(&self.values, aad, sealed)
    }
}

impl PartialEq for StoreKey {
    fn eq(&self, other: &Self) -> bool {
        self.secret.as_slice().ct_eq(other.secret.as_slice()).into()
    }
}

impl Eq for StoreKey {}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreKey(redacted)")
    }
}

fn seal(key: &[u8; 32], aad: &[u8], nonce: Nonce, plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
    let payload = Payload {
        msg: plaintext,
        aad,
    };
    let ciphertext = XChaCha20Poly1305::new(&(*key).into())
        .encrypt(&XNonce::from(nonce), payload)
        .map_err(|_| SealError::TooLong)?;
    Ok([nonce.as_slice(), &ciphertext].concat())
}

fn open(key: &[u8; 32], aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let (nonce, ciphertext) = sealed
        .split_first_chunk::<NONCE_LEN>()
        .ok_or(SealError::Malformed)?;
    if ciphertext.len() < TAG_LEN {
        return Err(SealError::Malformed);
    }
    let payload = Payload {
        msg: ciphertext,
        aad,
    };
    XChaCha20Poly1305::new(&(*key).into())
        .decrypt(&XNonce::from(*nonce), payload)
        .map(Zeroizing::new)
        .map_err(|_| SealError::Refused)
}
