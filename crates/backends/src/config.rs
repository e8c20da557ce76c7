//! `[backends]`: one key a port.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use xchat_runtime::{Mistakes, Section, config::ByteSize};
use xchat_types::limits::MAX_HANDSHAKE_BYTES;

/// Which engine stands behind each port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub event_log: EventLog,
    pub message_store: MessageStore,
    pub directory_store: DirectoryStore,
    pub routing: Routing,
}

/// Engines that this build has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Files in the data directory, or memory for what may be lost.
    #[default]
    Embedded,
}

/// The log that makes a record durable before it is acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EventLog {
    /// The engine.
    pub kind: Kind,
    /// Number of partitions. Fixed when the log is made: changing it later is refused.
    #[schemars(range(min = 1, max = 65_536))]
    pub partitions: u32,
    /// Size of a log file. Old files are deleted whole, when all in them is 30 days old or
    /// delivered.
    pub segment: ByteSize,
}

impl Default for EventLog {
    fn default() -> Self {
        Self {
            kind: Kind::Embedded,
            partitions: 256,
            segment: ByteSize::mib(32),
        }
    }
}

/// The store of conversations, envelopes and marks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MessageStore {
    /// The engine.
    pub kind: Kind,
}

/// The store of accounts, devices, names and key packages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DirectoryStore {
    /// The engine.
    pub kind: Kind,
}

/// Which device is on which gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Routing {
    /// The engine.
    pub kind: Kind,
}

impl Section for Config {
    const NAME: &'static str = "backends";

    fn check(&self, mistakes: &mut Mistakes) {
        let EventLog {
            partitions,
            segment,
            ..
        } = self.event_log;
        if partitions == 0 || partitions > 65_536 {
            mistakes.add("event_log.partitions", "is not between 1 and 65536");
        }
        let least = 2 * MAX_HANDSHAKE_BYTES as u64;
        if segment.bytes() < least || segment.bytes() > 1 << 30 {
            let what = format!("is not between {} and 1 GiB", ByteSize(least));
            mistakes.add("event_log.segment", what);
        }
    }
}
