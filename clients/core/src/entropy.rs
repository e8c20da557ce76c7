//! Randomness as a parameter.

use std::fmt;

/// Cryptographically secure randomness, given by the host.
pub trait Entropy: Send + fmt::Debug {
    fn fill(&mut self, buffer: &mut [u8]);
}

/// Draws an array.
pub(crate) fn draw<const N: usize>(entropy: &mut dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}
