//! Key packages of others (RFC 9420, section 10): what identity checks before it publishes one,
//! and a client before it adds one.

use openmls::prelude::{KeyPackage, KeyPackageIn, ProtocolVersion};
use openmls_rust_crypto::RustCrypto;
use thiserror::Error;
use tls_codec::Deserialize as _;
use xchat_types::{AccountId, DeviceId, KeyPackageRef, Millis};

use crate::{
    credential::{self, CredentialError, LeafIndex},
    extensions, lifetime,
    suite::Suite,
    wire::KeyPackageBytes,
};

/// A key package that the judge would let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedKeyPackage {
    pub reference: KeyPackageRef,
    pub suite: Suite,
    pub account: AccountId,
    pub device: DeviceId,
    pub not_before: Millis,
    pub not_after: Millis,
    pub last_resort: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyPackageError {
    #[error("the key package is malformed or its signature does not verify")]
    Invalid,
    #[error("the key package is of a suite that we do not use")]
    Suite,
    #[error("the key package lacks a capability that our groups require")]
    Capabilities,
    #[error("the key package's credential does not verify: {0}")]
    Credential(#[from] CredentialError),
    /// Also what a clock that is off by hours looks like.
    #[error("the key package must be 24 hours old, have 45 days to go, and live 84 days at most")]
    Lifetime,
}

/// Refuses at `now` (the server's time) what the law of the judge would refuse at that append time.
pub fn verify_key_package(
    bytes: &KeyPackageBytes,
    now: Millis,
) -> Result<VerifiedKeyPackage, KeyPackageError> {
    open(bytes, now).map(|(_, verified)| verified)
}

pub(crate) fn open(
    bytes: &KeyPackageBytes,
    now: Millis,
) -> Result<(KeyPackage, VerifiedKeyPackage), KeyPackageError> {
    let crypto = RustCrypto::default();
    let package = KeyPackageIn::tls_deserialize_exact(bytes.as_bytes())
        .map_err(|_| KeyPackageError::Invalid)?
        .validate(&crypto, ProtocolVersion::Mls10)
        .map_err(|_| KeyPackageError::Invalid)?;
    let suite = Suite::of(package.ciphersuite()).ok_or(KeyPackageError::Suite)?;
    let leaf = credential::verify_node(LeafIndex(0), package.leaf_node())?;
    if *package.leaf_node().capabilities() != extensions::capabilities(suite) {
        return Err(KeyPackageError::Capabilities);
    }
    let times = package.life_time();
    if !lifetime::is_lawful(times, now) {
        return Err(KeyPackageError::Lifetime);
    }
    let hash = package
        .hash_ref(&crypto)
        .map_err(|_| KeyPackageError::Invalid)?;
    let verified = VerifiedKeyPackage {
        reference: reference(hash.as_slice()).ok_or(KeyPackageError::Invalid)?,
        suite,
        account: leaf.account,
        device: leaf.device,
        not_before: lifetime::not_before(times),
        not_after: lifetime::not_after(times),
        last_resort: package.last_resort(),
    };
    Ok((package, verified))
}

/// The first 32 bytes of an MLS key package reference: all of it under SHA-256, and still free of
/// collisions where the hybrid suite's SHA-384 is cut.
pub(crate) fn reference(hash: &[u8]) -> Option<KeyPackageRef> {
    hash.first_chunk::<{ KeyPackageRef::LEN }>()
        .map(|bytes| KeyPackageRef::new(*bytes))
}
