//! Times as a person reads them, in the zone of this machine.

use jiff::{Timestamp, Zoned, tz::TimeZone};
use xchat_sdk::Millis;

/// `08:15`.
pub(crate) fn hour(time: Millis) -> String {
    zoned(time).strftime("%H:%M").to_string()
}

/// `2026-11-25`.
pub(crate) fn day(time: Millis) -> String {
    zoned(time).strftime("%Y-%m-%d").to_string()
}

fn zoned(time: Millis) -> Zoned {
    // A time that no calendar has came from elsewhere: show where it is cut off.
    let milliseconds = i64::try_from(time.0).unwrap_or(i64::MAX);
    let timestamp = Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX);
    timestamp.to_zoned(TimeZone::system())
}

/// `3 days`, `2 hours`, `7 minutes`: rounded down to the largest unit.
pub(crate) fn span(milliseconds: u64) -> String {
    let (number, unit) = match milliseconds / 1_000 {
        seconds @ 0..60 => (seconds, "second"),
        seconds @ 60..3_600 => (seconds / 60, "minute"),
        seconds @ 3_600..86_400 => (seconds / 3_600, "hour"),
        seconds => (seconds / 86_400, "day"),
    };
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_their_largest_unit() {
        assert_eq!(span(86_400_000), "1 day");
        assert_eq!(span(7_199_000), "1 hour");
        assert_eq!(span(419_000), "6 minutes");
        assert_eq!(span(2_000), "2 seconds");
    }

    #[test]
    fn no_time_that_a_server_can_say_stops_the_program() {
        assert!(!hour(Millis(u64::MAX)).is_empty());
        assert!(!day(Millis(0)).is_empty());
    }
}
