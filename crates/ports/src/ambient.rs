//! Time and randomness as parameters, so that tests fix both.

use std::fmt;

use xchat_types::Millis;

/// Wall clock.
pub trait Clock: Send + Sync + fmt::Debug {
    fn now(&self) -> Millis;
}

/// Cryptographically secure randomness.
pub trait Rng: Send + Sync + fmt::Debug {
    /// Fills the buffer. The operating system's source does not fail after boot; an adapter whose
    /// source does fail must abort the process rather than return weak bytes.
    fn fill(&self, buffer: &mut [u8]);
}

/// Draws an array.
pub fn random<const N: usize>(rng: &dyn Rng) -> [u8; N] {
    let mut bytes = [0; N];
    rng.fill(&mut bytes);
    bytes
}
