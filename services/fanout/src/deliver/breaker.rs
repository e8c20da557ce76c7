//! A breaker: after failures in a row, nothing is tried for a while.

use std::time::Duration;

use tokio::time::Instant;

const TOLERATED: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// A gateway that is back is found by the second try at the latest, for the first may meet a
/// connection that has died: well within the 30 s in which all are in sync (I19).
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    closed_until: Option<Instant>,
}

impl Breaker {
    /// Whether a try is allowed now: one at the end of each pause.
    pub(super) fn allows(&self, now: Instant) -> bool {
        self.closed_until.is_none_or(|until| until <= now)
    }

    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    pub(super) fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        let beyond = self.failures.saturating_sub(TOLERATED);
        if beyond > 0 {
            let pause = FIRST_PAUSE.saturating_mul(1 << (beyond - 1).min(10));
            self.closed_until = Some(now + pause.min(LONGEST_PAUSE));
        }
    }

    /// When the next try is allowed, if not now.
    pub(super) const fn until(&self) -> Option<Instant> {
        self.closed_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_pauses_after_three_failures_for_longer_each_time_and_forgets_them_at_a_success() {
        let start = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..TOLERATED {
            breaker.failed(start);
            assert!(breaker.allows(start));
        }
        breaker.failed(start);
        assert!(!breaker.allows(start));
        assert!(breaker.allows(start + FIRST_PAUSE));
        breaker.failed(start);
        assert!(!breaker.allows(start + FIRST_PAUSE));
        for _ in 0..50 {
            breaker.failed(start);
        }
        assert!(breaker.allows(start + LONGEST_PAUSE));
        breaker.succeeded();
        assert!(breaker.allows(start));
        assert_eq!(breaker.until(), None);
    }
}
