//! What identity measures: counted where it answers. What it refuses, the runtime counts.

use std::sync::LazyLock;

use xchat_runtime::{
    label,
    meter::{Counter, Meter},
};

label! {
    /// How a device got its session.
    pub(crate) enum Way("way") {
        Login = "login",
        Refresh = "refresh",
    }
}

label! {
    pub(crate) enum Package("package") {
        OneTime = "one_time",
        /// The device had no other left.
        LastResort = "last_resort",
    }
}

/// The metrics of identity.
#[derive(Debug)]
pub struct Metrics {
    pub(crate) signups: Counter,
    pub(crate) sessions: Counter<Way>,
    pub(crate) claimed: Counter<Package>,
}

impl Metrics {
    pub fn new(meter: &mut Meter) -> Self {
        Self {
            signups: meter.counter(
                "xchat_identity_signups_total",
                "Accounts that were registered, repetitions included.",
            ),
            sessions: meter.counter(
                "xchat_identity_sessions_total",
                "Access tokens that were given.",
            ),
            claimed: meter.counter(
                "xchat_identity_claimed_key_packages_total",
                "Key packages that were handed out, repetitions included.",
            ),
        }
    }
}

/// Of this process. What is exported is decided before the first use.
pub(crate) fn metrics() -> &'static Metrics {
    static METRICS: LazyLock<Metrics> = LazyLock::new(|| Metrics::new(&mut Meter::default()));
    &METRICS
}
