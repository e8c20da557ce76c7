//! Clock and randomness that a test decides.

use std::sync::atomic::{AtomicU64, Ordering};

use xchat_ports::{Clock, Rng};
use xchat_types::Millis;

use crate::faults::{GAMMA, mix};

/// A clock that moves only when told to.
#[derive(Debug)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    pub const fn new(now: Millis) -> Self {
        Self(AtomicU64::new(now.0))
    }

    /// Sets the time, also backwards.
    pub fn set(&self, now: Millis) {
        self.0.store(now.0, Ordering::SeqCst);
    }

    pub fn advance(&self, milliseconds: u64) {
        self.0.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

impl Default for ManualClock {
    /// 2023-11-14 22:13:20 UTC: late enough for every "days ago" of a test.
    fn default() -> Self {
        Self::new(Millis(1_700_000_000_000))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }
}

/// Reproducible bytes from a seed (`SplitMix64`, Steele et al. 2014). For tests only: anyone who
/// sees eight bytes knows the rest.
#[derive(Debug)]
pub struct SeededRng(AtomicU64);

impl SeededRng {
    pub const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Rng for SeededRng {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let state = self
                .0
                .fetch_add(GAMMA, Ordering::SeqCst)
                .wrapping_add(GAMMA);
            for (to, from) in chunk.iter_mut().zip(mix(state).to_le_bytes()) {
                *to = from;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_stream_and_another_seed_another() {
        let draw = |seed| xchat_ports::ambient::random::<40>(&SeededRng::new(seed));
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn the_clock_stands_still_until_it_is_moved() {
        let clock = ManualClock::new(Millis(5));
        assert_eq!(clock.now(), Millis(5));
        clock.advance(3);
        assert_eq!(clock.now(), Millis(8));
        clock.set(Millis(1));
        assert_eq!(clock.now(), Millis(1));
    }
}
