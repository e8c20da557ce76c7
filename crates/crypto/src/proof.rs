//! Proofs of work for sign-up (protocol, "Listening, login").
//!
//! The memory-hard part costs the client 2^effort Argon2id hashes and the server one; the target
//! part costs the client about 2^`target_bits` SHA-256 hashes, once, and the server one, so that junk
//! is refused before the server spends its 16 MiB. Both are bound to the root key: a proof sent
//! twice can only register the same account again.

mod challenge;
mod search;

use thiserror::Error;

pub use challenge::{Challenge, SignedChallenge};
pub use search::{Progress, solve};

use crate::{
    canonical::{Malformed, Reader},
    derive::sha256,
    kdf::Memory,
    sign::PublicKey,
};

/// Memory of one try in KiB, and its passes.
const MEMORY_KIB: u32 = 16 * 1_024;
const PASSES: u32 = 1;
/// Argon2's salt; what differs is in its password.
const SALT: &[u8] = b"xchat-proof-v1";

/// What a client will work for at most: 2^16 tries are an hour on a phone.
pub const MAX_EFFORT: u8 = 16;
pub const MAX_TARGET_BITS: u8 = 28;

/// What the client found, 16 bytes: nonce u64 ‖ second nonce u64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    pub nonce: u64,
    pub second_nonce: u64,
}

/// Why there is no proof, or why it proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProofError {
    #[error("the challenge or proof does not have the expected form")]
    Malformed(#[from] Malformed),
    #[error("the challenge was not signed by this server")]
    BadSignature,
    #[error("the challenge is older than 10 minutes, or from the future")]
    Expired,
    #[error("the server asks for more work than any honest server does")]
    TooHard,
    #[error("the second nonce does not meet the target")]
    TargetMissed,
    #[error("the nonce does not show the work asked for")]
    WorkMissing,
    #[error("there is no memory for the proof of work")]
    OutOfMemory,
}

impl Proof {
    pub fn to_bytes(self) -> [u8; 16] {
        ((u128::from(self.nonce) << 64) | u128::from(self.second_nonce)).to_be_bytes()
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let proof = Self {
            nonce: reader.u64()?,
            second_nonce: reader.u64()?,
        };
        reader.end()?;
        Ok(proof)
    }
}

/// The whole check: [`check_target`], then [`check_work`].
pub fn check(challenge: &Challenge, root: &PublicKey, proof: &Proof) -> Result<(), ProofError> {
    check_target(challenge, root, proof)?;
    check_work(challenge, root, proof)
}

/// The cheap half, one SHA-256: do it before queueing for [`check_work`].
pub fn check_target(
    challenge: &Challenge,
    root: &PublicKey,
    proof: &Proof,
) -> Result<(), ProofError> {
    let hash = target_hash(&subject(challenge, root, proof.nonce), proof.second_nonce);
    if leading_zeros(&hash) >= u32::from(challenge.target_bits) {
        Ok(())
    } else {
        Err(ProofError::TargetMissed)
    }
}

/// The dear half, one Argon2id with 16 MiB; nothing when the effort is zero.
pub fn check_work(
    challenge: &Challenge,
    root: &PublicKey,
    proof: &Proof,
) -> Result<(), ProofError> {
    if challenge.effort == 0 {
        return Ok(());
    }
    let mut memory = Memory::new(MEMORY_KIB, PASSES).ok_or(ProofError::OutOfMemory)?;
    let hash = work_hash(&mut memory, &subject(challenge, root, proof.nonce))?;
    if leading_zeros(&hash) >= u32::from(challenge.effort) {
        Ok(())
    } else {
        Err(ProofError::WorkMissing)
    }
}

/// Challenge 26 ‖ root public key 32 ‖ nonce u64.
fn subject(challenge: &Challenge, root: &PublicKey, nonce: u64) -> Vec<u8> {
    [
        challenge.to_bytes().as_slice(),
        root.as_bytes(),
        &nonce.to_be_bytes(),
    ]
    .concat()
}

/// Argon2id(password: subject, salt: "xchat-proof-v1"), 32 bytes.
fn work_hash(memory: &mut Memory, subject: &[u8]) -> Result<[u8; 32], ProofError> {
    let hash = memory.hash(subject, SALT);
    hash.map(|hash| *hash).ok_or(ProofError::OutOfMemory)
}

/// SHA-256("xchat-target-v1" ‖ subject ‖ second nonce u64).
fn target_hash(subject: &[u8], second_nonce: u64) -> [u8; 32] {
    sha256(&[b"xchat-target-v1", subject, &second_nonce.to_be_bytes()])
}

/// Zero bits at the front of a hash.
fn leading_zeros(hash: &[u8; 32]) -> u32 {
    let zero_bytes = hash.iter().take_while(|byte| **byte == 0).count();
    let rest = hash.get(zero_bytes).map_or(0, |byte| byte.leading_zeros());
    u32::try_from(zero_bytes * 8)
        .unwrap_or(u32::MAX)
        .saturating_add(rest)
}
