//! Wrapping a store key under a passphrase (`xchat lock`).

use thiserror::Error;
use zeroize::Zeroizing;

use super::{Nonce, OVERHEAD, SealError, StoreKey};
use crate::{
    canonical::{Malformed, Reader},
    kdf::Memory,
};

/// Random, new for each lock.
pub type Salt = [u8; 16];

const VERSION: u8 = 1;
const SECRET_LEN: usize = 32;
const HEAD_LEN: usize = 25;

/// What guessing one passphrase costs. Stored beside the wrapped key and authenticated with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockCost {
    pub memory_kib: u32,
    pub passes: u32,
}

impl LockCost {
    /// Argon2id with 64 MiB and 3 passes (RFC 9106, section 4, second recommended option, one lane).
    pub const STANDARD: Self = Self {
        memory_kib: 64 * 1_024,
        passes: 3,
    };
    /// What is taken from a file at most, so that a broken one cannot eat the machine.
    const MAX: Self = Self {
        memory_kib: 1_024 * 1_024,
        passes: 64,
    };

    const fn is_allowed(self) -> bool {
        self.memory_kib <= Self::MAX.memory_kib && self.passes <= Self::MAX.passes
    }
}

/// Why a key was not locked or unlocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LockError {
    #[error("the key file does not have the expected form")]
    Malformed(#[from] Malformed),
    #[error("the key file is of a newer version")]
    Version,
    #[error("the key file asks for more memory or passes than allowed, or for too few")]
    Cost,
    #[error("wrong passphrase, or the key file was changed")]
    WrongPassphrase,
}

/// A store key under a passphrase.
///
/// Layout, 97 bytes: version u8 (1) ‖ memory in KiB u32 ‖ passes u32 ‖ salt 16 ‖ sealed store key 72
/// (nonce 24 ‖ ciphertext 32 ‖ tag 16), with the 25 bytes before it as associated data and
/// Argon2id(passphrase, salt, memory, passes, one lane) as XChaCha20-Poly1305 key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedKey {
    cost: LockCost,
    salt: Salt,
    sealed: [u8; SECRET_LEN + OVERHEAD],
}

impl StoreKey {
    /// Wraps the key. Takes about half a second at [`LockCost::STANDARD`].
    pub fn lock(
        &self,
        passphrase: &[u8],
        salt: Salt,
        nonce: Nonce,
        cost: LockCost,
    ) -> Result<LockedKey, LockError> {
        let key = passphrase_key(passphrase, salt, cost)?;
        let sealed = super::seal(&key, &head(cost, salt), nonce, self.secret.as_slice())
            .map_err(|_| Malformed)?;
        let sealed = sealed.try_into().map_err(|_| Malformed)?;
        Ok(LockedKey { cost, salt, sealed })
    }
}

impl LockedKey {
    pub fn unlock(&self, passphrase: &[u8]) -> Result<StoreKey, LockError> {
        let key = passphrase_key(passphrase, self.salt, self.cost)?;
        let secret =
            super::open(&key, &head(self.cost, self.salt), &self.sealed).map_err(|error| {
                match error {
                    SealError::Refused => LockError::WrongPassphrase,
                    SealError::Malformed | SealError::TooLong => LockError::Malformed(Malformed),
                }
            })?;
        let secret: [u8; SECRET_LEN] = secret.as_slice().try_into().map_err(|_| Malformed)?;
        Ok(StoreKey::new(secret))
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        [head(self.cost, self.salt).as_slice(), &self.sealed].concat()
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LockError> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return Err(LockError::Version);
        }
        let cost = LockCost {
            memory_kib: reader.u32()?,
            passes: reader.u32()?,
        };
        if !cost.is_allowed() {
            return Err(LockError::Cost);
        }
        let salt = reader.array()?;
        let sealed = reader.array()?;
        reader.end()?;
        Ok(Self { cost, salt, sealed })
    }
}

fn head(cost: LockCost, salt: Salt) -> Vec<u8> {
    let mut head = Vec::with_capacity(HEAD_LEN);
    head.push(VERSION);
    head.extend_from_slice(&cost.memory_kib.to_be_bytes());
    head.extend_from_slice(&cost.passes.to_be_bytes());
    head.extend_from_slice(&salt);
    head
}

fn passphrase_key(
    passphrase: &[u8],
    salt: Salt,
    cost: LockCost,
) -> Result<Zeroizing<[u8; 32]>, LockError> {
    if !cost.is_allowed() {
        return Err(LockError::Cost);
    }
    let mut memory = Memory::new(cost.memory_kib, cost.passes).ok_or(LockError::Cost)?;
    let key = memory.hash(passphrase, &salt);
    memory.wipe();
    key.ok_or(LockError::Cost)
}
