//! What has to be known to reach and to check the log's topic.

use std::collections::BTreeMap;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// The event log on Kafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Brokers to begin with, as `host:port`, separated by commas.
    pub brokers: String,
    /// Name of the topic. It is made if it is not there.
    pub topic: String,
    /// Name of the consumer group of those that fold the log.
    pub group: String,
    /// Number of partitions. Fixed when the topic is made.
    pub partitions: u32,
    /// Brokers that hold each record.
    pub replication: u32,
    /// Brokers that must hold a record before it is acknowledged.
    pub min_in_sync: u32,
    /// How long the topic keeps a record that was not released, in milliseconds.
    pub retention_ms: u64,
    /// Largest record, in bytes.
    pub max_record_bytes: u32,
    /// A member that was not heard of for so long loses its partitions, in milliseconds.
    pub session_ms: u32,
    /// A record that is not acknowledged in this time has an unknown outcome, in milliseconds.
    pub delivery_ms: u32,
    /// Further settings of the client, by librdkafka's names (`security.protocol`,
    /// `ssl.ca.location`, …). What correctness needs can't be changed here.
    pub properties: BTreeMap<String, String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            brokers: "127.0.0.1:9092".to_owned(),
            topic: "xchat-envelopes".to_owned(),
            group: "xchat-fanout".to_owned(),
            partitions: 256,
            replication: 3,
            min_in_sync: 2,
            retention_ms: 30 * DAY_MS,
            max_record_bytes: 4 << 20,
            session_ms: 6_000,
            delivery_ms: 4_000,
            properties: BTreeMap::new(),
        }
    }
}
