//! `[fanout]`. Starting values are those of architecture, section 12.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use xchat_runtime::{
    Mistakes, Section,
    config::{ByteSize, HumanDuration},
};

/// The envelope log and its fold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Name of this worker among those that share the log: one of its own, and the same after a
    /// restart, which then takes its partitions back at once. Empty: a new name each start.
    pub member: String,
    /// Marks are written at the latest this long after their record was folded.
    pub mark_interval: HumanDuration,
    /// Between two notes to the log of how far the fold has come, each after a sync of the store.
    pub commit_interval: HumanDuration,
    /// Bytes of records read from the log at once.
    pub read_bytes: ByteSize,
    /// Conversations kept at hand between their records.
    pub cached_conversations: u32,
    /// A batch of pushes to a gateway that is not answered in this time is lost, and its devices
    /// resync.
    pub deliver_deadline: HumanDuration,
    /// Nothing more is taken while a record has waited this long in the log to be folded.
    pub lag_limit: HumanDuration,
    /// How often the lag of the log is looked at.
    pub lag_interval: HumanDuration,
    /// Nothing more is taken once the lag has been unknown for so long.
    pub lag_unknown_limit: HumanDuration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            member: String::new(),
            mark_interval: HumanDuration::from_millis(250),
            commit_interval: HumanDuration::from_secs(1),
            read_bytes: ByteSize::mib(1),
            cached_conversations: 10_000,
            deliver_deadline: HumanDuration::from_secs(1),
            lag_limit: HumanDuration::from_secs(90 * 60),
            lag_interval: HumanDuration::from_secs(10),
            lag_unknown_limit: HumanDuration::from_secs(120),
        }
    }
}

impl Section for Config {
    const NAME: &'static str = "fanout";

    fn check(&self, mistakes: &mut Mistakes) {
        if self.mark_interval > HumanDuration::from_secs(10) {
            mistakes.add(
                "mark_interval",
                "devices would wait longer than ten seconds",
            );
        }
        for (key, interval) in [
            ("commit_interval", self.commit_interval),
            ("deliver_deadline", self.deliver_deadline),
            ("lag_interval", self.lag_interval),
            ("lag_limit", self.lag_limit),
        ] {
            if interval.as_millis() == 0 {
                mistakes.add(key, "must be longer than nothing");
            }
        }
        if self.read_bytes.bytes() == 0 {
            mistakes.add("read_bytes", "must be more than nothing");
        }
        if self.lag_unknown_limit <= self.lag_interval {
            mistakes.add("lag_unknown_limit", "is not above fanout.lag_interval");
        }
    }
}
