//! Points in time as the wire and the stores carry them.

use std::fmt;

/// Milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(transparent)
)]
pub struct Millis(pub u64);

impl Millis {
    pub const fn saturating_add(self, milliseconds: u64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }

    pub const fn saturating_sub(self, milliseconds: u64) -> Self {
        Self(self.0.saturating_sub(milliseconds))
    }

    /// How far `self` lies behind `later`, zero if it does not.
    pub const fn until(self, later: Self) -> u64 {
        later.0.saturating_sub(self.0)
    }

    /// Distance in either direction.
    pub const fn distance(self, other: Self) -> u64 {
        self.0.abs_diff(other.0)
    }

    pub const fn seconds(self) -> u64 {
        self.0 / 1_000
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Write timestamp of the fold, in microseconds: a function of the log prefix, strictly growing
/// in a conversation (architecture, "one stamp").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(pub u64);

impl Stamp {
    /// `max(previous + 1, append time in µs)`.
    pub const fn after(self, appended_at: Millis) -> Self {
        let wall = appended_at.0.saturating_mul(1_000);
        let next = self.0.saturating_add(1);
        Self(if next > wall { next } else { wall })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_grow_even_when_the_append_time_stands_still_or_goes_back() {
        let first = Stamp::default().after(Millis(5));
        assert_eq!(first, Stamp(5_000));
        assert_eq!(first.after(Millis(5)), Stamp(5_001));
        assert_eq!(first.after(Millis(1)), Stamp(5_001));
        assert_eq!(first.after(Millis(6)), Stamp(6_000));
    }
}
