//! The client's side: searching both nonces.

use super::{
    Challenge, MEMORY_KIB, PASSES, Proof, ProofError, leading_zeros, subject, target_hash,
    work_hash,
};
use crate::{kdf::Memory, sign::PublicKey};

/// How far a search is. The number of tries needed is only known on average.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Argon2id hashes done.
    pub tries: u64,
    /// How many it takes on average: 2^effort.
    pub expected: u64,
}

/// Searches the proof for a challenge, counting both nonces up from zero: the same challenge and
/// root key give the same proof. `progress` is called after each Argon2id hash (some 15 ms). Blocks;
/// to give up, end the thread or worker. Refuses a challenge beyond [`super::MAX_EFFORT`] or
/// [`super::MAX_TARGET_BITS`].
pub fn solve(
    challenge: &Challenge,
    root: &PublicKey,
    mut progress: impl FnMut(Progress),
) -> Result<Proof, ProofError> {
    challenge.check_effort()?;
    let nonce = search_work(challenge, root, &mut progress)?;
    let subject = subject(challenge, root, nonce);
    let bits = u32::from(challenge.target_bits);
    let second_nonce = (0..u64::MAX)
        .find(|second| leading_zeros(&target_hash(&subject, *second)) >= bits)
        .ok_or(ProofError::TooHard)?;
    Ok(Proof {
        nonce,
        second_nonce,
    })
}

fn search_work(
    challenge: &Challenge,
    root: &PublicKey,
    progress: &mut impl FnMut(Progress),
) -> Result<u64, ProofError> {
    if challenge.effort == 0 {
        return Ok(0);
    }
    let bits = u32::from(challenge.effort);
    let mut memory = Memory::new(MEMORY_KIB, PASSES).ok_or(ProofError::OutOfMemory)?;
    for nonce in 0..u64::MAX {
        let hash = work_hash(&mut memory, &subject(challenge, root, nonce))?;
        progress(Progress {
            tries: nonce + 1,
            expected: 1 << bits,
        });
        if leading_zeros(&hash) >= bits {
            return Ok(nonce);
        }
    }
    Err(ProofError::TooHard)
}
