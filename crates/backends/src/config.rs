//! `[backends]`: one key a port, and one an engine.

mod engines;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use xchat_runtime::{Mistakes, Section, config::ByteSize};
use xchat_types::limits::MAX_HANDSHAKE_BYTES;

#[cfg(any(feature = "kafka", feature = "scylla", feature = "redis"))]
pub(crate) use engines::listed;
pub use engines::{Kafka, Redis, Scylla};

/// Which engine stands behind each port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub event_log: EventLog,
    pub message_store: MessageStore,
    pub directory_store: DirectoryStore,
    pub routing: Routing,
    pub kafka: Kafka,
    pub scylla: Scylla,
    pub redis: Redis,
}

impl Config {
    /// Both stores are embedded: all data is in the data directory.
    pub fn keeps_data_here(&self) -> bool {
        let kinds = [self.message_store.kind, self.directory_store.kind];
        kinds == [StoreKind::Embedded; 2]
    }
}

/// What keeps the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogKind {
    /// Files in the data directory.
    #[default]
    Embedded,
    /// A topic of many brokers.
    Kafka,
}

/// What keeps a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// Files in the data directory.
    #[default]
    Embedded,
    /// ScyllaDB or Apache Cassandra.
    Scylla,
}

/// What keeps routes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RoutingKind {
    /// The memory of the one process that runs presence.
    #[default]
    Embedded,
    /// Redis or Valkey.
    Redis,
}

const MAX_PARTITIONS: u32 = 65_536;
/// The largest record fits.
const MIN_SEGMENT: ByteSize = ByteSize(2 * MAX_HANDSHAKE_BYTES as u64);
const MAX_SEGMENT: ByteSize = ByteSize::mib(1_024);

/// The log that makes a record durable before it is acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EventLog {
    /// The engine.
    pub kind: LogKind,
    /// Number of partitions. Fixed when the log is made: changing it later is refused.
    #[schemars(range(min = 1, max = MAX_PARTITIONS))]
    pub partitions: u32,
    /// Size of a log file, where it is embedded. Old files are deleted whole, when all in them is
    /// 30 days old or delivered.
    #[schemars(extend("x-allowed" = ByteSize::between(MIN_SEGMENT, MAX_SEGMENT)))]
    pub segment: ByteSize,
}

impl Default for EventLog {
    fn default() -> Self {
        Self {
            kind: LogKind::Embedded,
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
    pub kind: StoreKind,
}

/// The store of accounts, devices, names and key packages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DirectoryStore {
    /// The engine.
    pub kind: StoreKind,
}

/// Which device is on which gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Routing {
    /// The engine.
    pub kind: RoutingKind,
}

impl Section for Config {
    const NAME: &'static str = "backends";

    fn check(&self, mistakes: &mut Mistakes) {
        let EventLog {
            partitions,
            segment,
            ..
        } = self.event_log;
        if partitions == 0 || partitions > MAX_PARTITIONS {
            let what = format!("is not between 1 and {MAX_PARTITIONS}");
            mistakes.add("event_log.partitions", what);
        }
        if !(MIN_SEGMENT..=MAX_SEGMENT).contains(&segment) {
            let what = format!("is not {}", ByteSize::between(MIN_SEGMENT, MAX_SEGMENT));
            mistakes.add("event_log.segment", what);
        }
        let on_kafka = self.event_log.kind == LogKind::Kafka;
        let on_scylla = self.message_store.kind == StoreKind::Scylla;
        let directory_on_scylla = self.directory_store.kind == StoreKind::Scylla;
        let on_redis = self.routing.kind == RoutingKind::Redis;
        if on_kafka != on_scylla {
            let what = "log and store prove each other: \"kafka\" goes with a message_store on \
                        \"scylla\", \"embedded\" with an embedded one";
            mistakes.add("event_log.kind", what);
        }
        for (key, chosen, name, built) in [
            ("event_log.kind", on_kafka, "kafka", cfg!(feature = "kafka")),
            (
                "message_store.kind",
                on_scylla,
                "scylla",
                cfg!(feature = "scylla"),
            ),
            (
                "directory_store.kind",
                directory_on_scylla,
                "scylla",
                cfg!(feature = "scylla"),
            ),
            ("routing.kind", on_redis, "redis", cfg!(feature = "redis")),
        ] {
            if chosen && !built {
                let what = format!(
                    "this program was built without {name}: build it with `--features {name}`"
                );
                mistakes.add(key, what);
            }
        }
        mistakes.check(&self.kafka);
        mistakes.check(&self.scylla);
        mistakes.check(&self.redis);
    }
}
