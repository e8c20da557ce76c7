//! The law on key-package lifetimes (protocol, "Suites and key packages").
//!
//! Measured against the append time, with margins so wide that OpenMLS's own look at the system
//! clock, at any moment in which a record can still be read from the log, gives the same answer.

use openmls::prelude::Lifetime;
use xchat_types::{
    Millis,
    limits::{
        KEY_PACKAGE_BACKDATE_MS, KEY_PACKAGE_LIFETIME_MS, KEY_PACKAGE_MIN_AGE_MS,
        KEY_PACKAGE_MIN_REST_MS,
    },
};

/// What a device writes into its leaves: 84 days, of which 2 lie back.
pub(crate) fn starting(now: Millis) -> Lifetime {
    let from = now.saturating_sub(KEY_PACKAGE_BACKDATE_MS);
    let until = from.saturating_add(KEY_PACKAGE_LIFETIME_MS);
    Lifetime::init(from.seconds(), until.seconds())
}

pub(crate) fn not_before(lifetime: &Lifetime) -> Millis {
    Millis(lifetime.not_before().saturating_mul(1_000))
}

pub(crate) fn not_after(lifetime: &Lifetime) -> Millis {
    Millis(lifetime.not_after().saturating_mul(1_000))
}

/// At least 24 hours old, at least 45 days to go, and no longer than a device makes them.
pub(crate) fn is_lawful(lifetime: &Lifetime, at: Millis) -> bool {
    let (from, until) = (not_before(lifetime), not_after(lifetime));
    from.saturating_add(KEY_PACKAGE_MIN_AGE_MS) <= at
        && at.saturating_add(KEY_PACKAGE_MIN_REST_MS) <= until
        && from.until(until) <= KEY_PACKAGE_LIFETIME_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400_000;
    const NOW: Millis = Millis(1_700_000_000_000);

    #[test]
    fn what_a_device_makes_is_lawful_at_once_and_for_37_days() {
        let lifetime = starting(NOW);
        assert!(is_lawful(&lifetime, NOW));
        assert!(is_lawful(&lifetime, NOW.saturating_add(37 * DAY)));
        assert!(!is_lawful(&lifetime, NOW.saturating_add(37 * DAY + 1)));
        assert!(is_lawful(&lifetime, NOW.saturating_sub(DAY)));
        assert!(!is_lawful(&lifetime, NOW.saturating_sub(DAY + 1)));
    }

    #[test]
    fn a_lifetime_may_not_be_longer_than_84_days_nor_end_before_it_begins() {
        let (from, until) = (NOW.seconds() - 2 * 86_400, NOW.seconds() + 82 * 86_400);
        assert!(is_lawful(&Lifetime::init(from, until), NOW));
        assert!(!is_lawful(&Lifetime::init(from, until + 1), NOW));
        assert!(!is_lawful(&Lifetime::init(until, from), NOW));
        assert!(!is_lawful(&Lifetime::init(0, u64::MAX), NOW));
    }
}
