//! Ed25519 (RFC 8032) with domain labels and strict verification.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::canonical::Malformed;

/// The signature is not of this key over this message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the signature does not verify")]
pub struct BadSignature;

/// The 32 bytes are no usable Ed25519 public key: no point, or one of small order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a usable public key")]
pub struct WeakKey;

/// What a signature is for. The signed message is `label ‖ bytes`; no label is the beginning of
/// another, so a signature for one purpose never counts for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Label {
    /// A device certificate, by the root or a certifying device.
    Device,
    /// A login, by a device.
    Login,
    /// An exchange of a refresh token, by a device.
    Refresh,
    /// A control record, by a device.
    Control,
    /// A sign-up challenge, by the server.
    Challenge,
}

impl Label {
    pub const ALL: [Self; 5] = [
        Self::Device,
        Self::Login,
        Self::Refresh,
        Self::Control,
        Self::Challenge,
    ];

    pub const fn as_bytes(self) -> &'static [u8] {
        match self {
            Self::Device => b"xchat-device-v1",
            Self::Login => b"xchat-login-v1",
            Self::Refresh => b"xchat-refresh-v1",
            Self::Control => b"xchat-control-v1",
            Self::Challenge => b"xchat-challenge-v1",
        }
    }

    fn message(self, bytes: &[u8]) -> Vec<u8> {
        [self.as_bytes(), bytes].concat()
    }
}

/// An Ed25519 public key as it travels. It may be any 32 bytes until it verifies something.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    pub const LEN: usize = 32;

    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Checks that the key can verify at all. A key of small order accepts signatures that nobody
    /// made, so nothing may ever be bound to one.
    pub fn check(&self) -> Result<(), WeakKey> {
        match VerifyingKey::from_bytes(&self.0) {
            Ok(key) if !key.is_weak() => Ok(()),
            Ok(_) | Err(_) => Err(WeakKey),
        }
    }

    /// Strict: canonical encodings, no small-order key or commitment, no cofactor.
    pub fn verify(
        &self,
        label: Label,
        bytes: &[u8],
        signature: &Signature,
    ) -> Result<(), BadSignature> {
        self.verify_unlabelled(&label.message(bytes), signature)
    }

    /// For MLS alone, which labels its own messages (RFC 9420, section 5.1.2).
    pub fn verify_unlabelled(
        &self,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), BadSignature> {
        let key = VerifyingKey::from_bytes(&self.0).map_err(|_| BadSignature)?;
        key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(&signature.0))
            .map_err(|_| BadSignature)
    }
}

/// Redacted: the first two bytes only, for a key names its account or device.
impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, ..] = self.0;
        write!(f, "PublicKey({a:02x}{b:02x}…)")
    }
}

impl TryFrom<&[u8]> for PublicKey {
    type Error = Malformed;

    fn try_from(bytes: &[u8]) -> Result<Self, Malformed> {
        bytes.try_into().map(Self).map_err(|_| Malformed)
    }
}

impl AsRef<[u8]> for PublicKey {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// An Ed25519 signature as it travels.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature([u8; 64]);

impl Signature {
    pub const LEN: usize = 64;

    pub const fn new(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, ..] = self.0;
        write!(f, "Signature({a:02x}{b:02x}…)")
    }
}

impl TryFrom<&[u8]> for Signature {
    type Error = Malformed;

    fn try_from(bytes: &[u8]) -> Result<Self, Malformed> {
        bytes.try_into().map(Self).map_err(|_| Malformed)
    }
}

impl AsRef<[u8]> for Signature {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// An Ed25519 private key. Wiped when dropped, compared in constant time, printed redacted.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let seed = Zeroizing::new(seed);
        Self(SigningKey::from_bytes(&seed))
    }

    /// The 32 bytes of RFC 8032, section 5.1.5, from which the key is made.
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    pub fn sign(&self, label: Label, bytes: &[u8]) -> Signature {
        self.sign_unlabelled(&label.message(bytes))
    }

    /// For MLS alone, which labels its own messages (RFC 9420, section 5.1.2). Its signed content
    /// begins with a length and "MLS 1.0 ", which is the beginning of none of our labels.
    pub fn sign_unlabelled(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }
}

impl PartialEq for SecretKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for SecretKey {}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(redacted)")
    }
}
