//! The generic cell rate algorithm (ITU-T I.371, annex A): one number a caller.

use std::time::Duration;

use xchat_types::Millis;

/// `burst` at once, then one for each interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) burst: u32,
    pub(crate) every_ms: u64,
}

/// When the bucket would be full again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bucket(Millis);

impl Bucket {
    pub(crate) fn is_full(self, now: Millis) -> bool {
        self.0 <= now
    }

    /// The bucket after one more request, or how long to wait for it.
    pub(crate) fn take(self, rate: Rate, now: Millis) -> Result<Self, Duration> {
        let whole = rate.every_ms.saturating_mul(u64::from(rate.burst));
        // After the clock was set back nobody waits longer than a whole bucket.
        let full_at = self.0.max(now).min(now.saturating_add(whole));
        let next = full_at.saturating_add(rate.every_ms);
        let debt = now.until(next);
        if debt > whole {
            return Err(Duration::from_millis(debt - whole));
        }
        Ok(Self(next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        burst: 3,
        every_ms: 100,
    };
    const START: Millis = Millis(1_000_000);

    fn drained() -> Bucket {
        (0..3).fold(Bucket::default(), |bucket, _| {
            bucket.take(RATE, START).expect("within the burst")
        })
    }

    #[test]
    fn a_burst_passes_and_then_one_an_interval() {
        let bucket = drained();
        assert_eq!(bucket.take(RATE, START), Err(Duration::from_millis(100)));
        let later = START.saturating_add(99);
        assert_eq!(bucket.take(RATE, later), Err(Duration::from_millis(1)));
        let bucket = bucket
            .take(RATE, START.saturating_add(100))
            .expect("one interval on");
        assert!(bucket.take(RATE, START.saturating_add(100)).is_err());
    }

    #[test]
    fn it_fills_up_and_no_further_than_the_burst() {
        let much_later = START.saturating_add(1_000_000);
        let mut bucket = drained();
        assert!(bucket.is_full(much_later));
        for _ in 0..3 {
            bucket = bucket.take(RATE, much_later).expect("within the burst");
        }
        assert!(bucket.take(RATE, much_later).is_err());
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out_for_long() {
        let earlier = START.saturating_sub(500_000);
        let wait = drained().take(RATE, earlier).expect_err("still drained");
        assert!(wait <= Duration::from_millis(300), "{wait:?}");
    }
}
