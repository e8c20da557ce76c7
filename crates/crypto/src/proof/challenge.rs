//! What the server asks for, signed so that it need not remember it.

use xchat_types::{Millis, limits::CLOCK_WARN_MS};

use super::ProofError;
use crate::{
    canonical::{Malformed, Reader},
    sign::{Label, PublicKey, SecretKey, Signature},
};

/// A sign-up challenge, 26 bytes: `issued_at` in ms u64 ‖ effort u8 ‖ `target_bits` u8 ‖ random 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge {
    pub issued_at: Millis,
    /// Zero bits of the Argon2id hash: 2^effort tries.
    pub effort: u8,
    /// Zero bits of the SHA-256 target.
    pub target_bits: u8,
    pub random: [u8; 16],
}

/// A challenge with the server's signature over the label "xchat-challenge-v1" and its 26 bytes.
///
/// Layout, 90 bytes: challenge 26 ‖ signature 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedChallenge {
    challenge: Challenge,
    signature: Signature,
}

impl Challenge {
    pub const LEN: usize = 26;
    /// How long a challenge is good for.
    pub const LIFETIME_MS: u64 = 600_000;

    pub fn to_bytes(self) -> Vec<u8> {
        [
            self.issued_at.0.to_be_bytes().as_slice(),
            &[self.effort, self.target_bits],
            &self.random,
        ]
        .concat()
    }

    pub fn sign(self, server: &SecretKey) -> SignedChallenge {
        SignedChallenge {
            challenge: self,
            signature: server.sign(Label::Challenge, &self.to_bytes()),
        }
    }

    /// Whether it was issued in the last ten minutes. Servers' clocks may differ by five.
    pub fn check_date(&self, now: Millis) -> Result<(), ProofError> {
        let aged = self.issued_at.until(now) > Self::LIFETIME_MS;
        let ahead = now.until(self.issued_at) > CLOCK_WARN_MS;
        if aged || ahead {
            return Err(ProofError::Expired);
        }
        Ok(())
    }

    /// Whether a client should take the work on.
    pub(super) fn check_effort(&self) -> Result<(), ProofError> {
        if self.effort > super::MAX_EFFORT || self.target_bits > super::MAX_TARGET_BITS {
            return Err(ProofError::TooHard);
        }
        Ok(())
    }
}

impl SignedChallenge {
    pub const LEN: usize = Challenge::LEN + Signature::LEN;

    pub fn to_bytes(self) -> Vec<u8> {
        [
            self.challenge.to_bytes().as_slice(),
            self.signature.as_bytes(),
        ]
        .concat()
    }

    /// Every field has a fixed width and every value of it is allowed, so the bytes that
    /// [`SignedChallenge::verify`] looks at are the ones that came.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let challenge = Challenge {
            issued_at: Millis(reader.u64()?),
            effort: reader.u8()?,
            target_bits: reader.u8()?,
            random: reader.array()?,
        };
        let signature = Signature::new(reader.array()?);
        reader.end()?;
        Ok(Self {
            challenge,
            signature,
        })
    }

    /// What a client works on: that the work is worth it is the server's word in any case.
    pub const fn unverified(&self) -> &Challenge {
        &self.challenge
    }

    pub fn verify(&self, server: &PublicKey) -> Result<Challenge, ProofError> {
        server
            .verify(
                Label::Challenge,
                &self.challenge.to_bytes(),
                &self.signature,
            )
            .map_err(|_| ProofError::BadSignature)?;
        Ok(self.challenge)
    }
}
