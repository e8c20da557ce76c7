//! `[presence]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use xchat_runtime::{Mistakes, Section, config::HumanDuration};

use crate::domain::Bounds;

/// Leases: which device is on which gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Shortest lease that is given; one asked for below it is given this.
    pub lease_min: HumanDuration,
    /// Longest lease that is given: how long a route outlives a gateway that died.
    pub lease_max: HumanDuration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            lease_min: HumanDuration::from_secs(5),
            lease_max: HumanDuration::from_secs(300),
        }
    }
}

impl Section for Config {
    const NAME: &'static str = "presence";

    fn check(&self, mistakes: &mut Mistakes) {
        if self.lease_min.as_millis() == 0 {
            mistakes.add("lease_min", "a lease of no time is none");
        }
        if self.lease_min > self.lease_max {
            mistakes.add("lease_max", "is below presence.lease_min");
        }
    }
}

impl Config {
    pub(crate) fn bounds(&self) -> Bounds {
        Bounds {
            min_ms: self.lease_min.as_millis(),
            max_ms: self.lease_max.as_millis(),
        }
    }
}
