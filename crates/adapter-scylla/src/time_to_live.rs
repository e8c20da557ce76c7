//! From the end of a row to what the engine is told.

use xchat_types::Millis;

/// Keys decide expiry, a TTL only cleans: it comes an hour late.
const SLACK_MS: u64 = 3_600_000;
/// Longer than any class of rows, and short of 2038, beyond which older engines refuse an expiry.
const MAX_SECONDS: u64 = 5 * 365 * 86_400;

/// Seconds, never 0 (which means for ever) nor below (which is an error): such a row has gone.
pub(crate) fn seconds(expires_at: Millis, now: Millis) -> Option<i32> {
    let left = now.until(expires_at.saturating_add(SLACK_MS));
    let seconds = left.div_ceil(1_000).min(MAX_SECONDS);
    i32::try_from(seconds).ok().filter(|seconds| *seconds > 0)
}

/// Write timestamp of a row that is written once, in µs: its end less the length of its class, a
/// function of the record like the row itself; near the append time, so that time windows work,
/// and never ahead of the clock, which ScyllaDB refuses.
pub(crate) fn write_timestamp(expires_at: Millis, class_ms: u64, now: Millis) -> i64 {
    let begun = expires_at.saturating_sub(class_ms).min(now);
    i64::try_from(begun.0.saturating_mul(1_000))
        .unwrap_or(i64::MAX)
        .max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_700_000_000_000);

    #[test]
    fn a_ttl_has_an_hour_of_slack_and_is_never_zero() {
        assert_eq!(seconds(NOW, NOW), Some(3_600));
        assert_eq!(seconds(NOW.saturating_add(1), NOW), Some(3_601));
        assert_eq!(seconds(NOW.saturating_sub(SLACK_MS - 1), NOW), Some(1));
        assert_eq!(seconds(NOW.saturating_sub(SLACK_MS), NOW), None);
        assert_eq!(seconds(Millis(0), NOW), None);
        assert_eq!(seconds(Millis(u64::MAX), NOW), Some(157_680_000));
    }

    #[test]
    fn a_write_timestamp_is_the_same_at_every_repetition_and_not_in_the_future() {
        let ends = NOW.saturating_add(5_000);
        let stamp = write_timestamp(ends, 60_000, NOW);
        assert_eq!(stamp, write_timestamp(ends, 60_000, NOW.saturating_add(9)));
        assert_eq!(
            write_timestamp(Millis(u64::MAX), 1, NOW),
            1_700_000_000_000_000
        );
    }
}
