//! What presence measures: counted where it answers.

use std::sync::LazyLock;

use xchat_runtime::{
    label,
    meter::{Counter, Meter},
};

label! {
    pub(crate) enum Set("result") {
        Set = "set",
        /// A later connection of the device holds the route.
        Superseded = "superseded",
    }
}

label! {
    pub(crate) enum Refreshed("result") {
        Kept = "kept",
        /// It was not there any more: the device is told to look for what it missed.
        Restored = "restored",
        /// Another connection has taken the device over.
        Lost = "lost",
    }
}

label! {
    pub(crate) enum LookedUp("result") {
        Found = "found",
        Absent = "absent",
    }
}

/// The metrics of presence.
#[derive(Debug)]
pub struct Metrics {
    pub(crate) set: Counter<Set>,
    pub(crate) refreshed: Counter<Refreshed>,
    pub(crate) looked_up: Counter<LookedUp>,
}

impl Metrics {
    pub fn new(meter: &mut Meter) -> Self {
        Self {
            set: meter.counter(
                "xchat_presence_set_routes_total",
                "Routes of new connections.",
            ),
            refreshed: meter.counter(
                "xchat_presence_refreshed_routes_total",
                "Leases that gateways asked to prolong.",
            ),
            looked_up: meter.counter(
                "xchat_presence_looked_up_devices_total",
                "Devices that fanout looked for, where it looks here.",
            ),
        }
    }
}

/// Of this process. What is exported is decided before the first use.
pub(crate) fn metrics() -> &'static Metrics {
    static METRICS: LazyLock<Metrics> = LazyLock::new(|| Metrics::new(&mut Meter::default()));
    &METRICS
}
