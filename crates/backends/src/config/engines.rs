//! Where the engines are: read only where a port has that kind.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use xchat_runtime::{Mistakes, Section, config::HumanDuration};

/// Apache Kafka 3.1 or later, or what speaks its protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Kafka {
    /// Brokers to begin with, separated by commas.
    #[schemars(extend("x-allowed" = "host:port, separated by commas"))]
    pub brokers: String,
    /// Name of the topic. It is made if it is not there, and refused if it would lose records.
    pub topic: String,
    /// Name of the consumer group of those that fold the log.
    pub group: String,
    /// Brokers that hold each record.
    #[schemars(range(min = 1, max = 9))]
    pub replication: u8,
    /// Brokers that must hold a record before it is acknowledged.
    #[schemars(range(min = 1, max = 9))]
    pub min_in_sync: u8,
    /// How long a record is kept that was not released.
    pub retention: HumanDuration,
    /// A worker that was not heard of for so long loses its partitions: 1s to 60s.
    pub session: HumanDuration,
    /// File with further settings of the client, a `name=value` a line by librdkafka's names:
    /// `security.protocol`, `ssl.ca.location`, `sasl.password`, ….
    #[schemars(extend("x-allowed" = "the path of a file"))]
    pub properties_file: Option<PathBuf>,
}

impl Default for Kafka {
    fn default() -> Self {
        Self {
            brokers: "127.0.0.1:9092".to_owned(),
            topic: "xchat-envelopes".to_owned(),
            group: "xchat-fanout".to_owned(),
            replication: 3,
            min_in_sync: 2,
            retention: HumanDuration::from_secs(30 * 86_400),
            session: HumanDuration::from_secs(6),
            properties_file: None,
        }
    }
}

impl Section for Kafka {
    const NAME: &'static str = "kafka";

    fn check(&self, mistakes: &mut Mistakes) {
        check_nodes("brokers", &self.brokers, mistakes);
        for (key, name) in [("topic", &self.topic), ("group", &self.group)] {
            if name.is_empty() {
                mistakes.add(key, "is empty");
            }
        }
        if !(1..=9).contains(&self.replication) {
            mistakes.add("replication", "is not between 1 and 9");
        }
        if self.min_in_sync == 0 || self.min_in_sync > self.replication {
            let what = "is not between 1 and backends.kafka.replication";
            mistakes.add("min_in_sync", what);
        }
        if self.retention < HumanDuration::from_secs(86_400) {
            let what = "is shorter than a day: workers that stand still would lose records";
            mistakes.add("retention", what);
        }
        if !(HumanDuration::from_secs(1)..=HumanDuration::from_secs(60)).contains(&self.session) {
            mistakes.add("session", "is not between 1s and 60s");
        }
    }
}

/// ScyllaDB, or Apache Cassandra 5. `xchat-server schema migrate` makes the tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Scylla {
    /// Nodes to begin with, separated by commas.
    #[schemars(extend("x-allowed" = "host:port, separated by commas"))]
    pub nodes: String,
    /// Lower case letters, digits and underscores.
    pub keyspace: String,
    /// Copies of each row in each datacenter, when `schema migrate` makes the keyspace.
    #[schemars(range(min = 1, max = 9))]
    pub replicas: u8,
    /// User, where the engine asks for one.
    pub username: Option<String>,
    /// File whose first line is the password.
    #[schemars(extend("x-allowed" = "the path of a file"))]
    pub password_file: Option<PathBuf>,
    /// What a request may take, retries included.
    pub request_timeout: HumanDuration,
    /// How long the engine acknowledges before it syncs (`commitlog_sync_period`); `0s` where it
    /// syncs first.
    pub sync_interval: HumanDuration,
}

impl Default for Scylla {
    fn default() -> Self {
        Self {
            nodes: "127.0.0.1:9042".to_owned(),
            keyspace: "xchat".to_owned(),
            replicas: 3,
            username: None,
            password_file: None,
            request_timeout: HumanDuration::from_secs(2),
            sync_interval: HumanDuration::from_secs(10),
        }
    }
}

impl Section for Scylla {
    const NAME: &'static str = "scylla";

    fn check(&self, mistakes: &mut Mistakes) {
        check_nodes("nodes", &self.nodes, mistakes);
        if !(1..=9).contains(&self.replicas) {
            mistakes.add("replicas", "is not between 1 and 9");
        }
        if self.request_timeout < HumanDuration::from_millis(100) {
            mistakes.add("request_timeout", "is shorter than 100ms");
        }
        if self.username.is_some() != self.password_file.is_some() {
            mistakes.add("password_file", "user and password belong together");
        }
    }
}

/// Redis 7 or Valkey. Holds hints alone: it may forget everything at any time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Redis {
    /// The server, or some nodes of the cluster, separated by commas.
    #[schemars(extend("x-allowed" = "redis://host:port or rediss://host:port, separated by commas"))]
    pub urls: String,
    /// Whether it is a cluster.
    pub cluster: bool,
    /// User, where the engine asks for one.
    pub username: Option<String>,
    /// File with the password.
    #[schemars(extend("x-allowed" = "the path of a file"))]
    pub password_file: Option<PathBuf>,
    /// Begins every key, so that several deployments can share an engine.
    pub prefix: String,
    /// Ends every call, connecting included.
    pub deadline: HumanDuration,
}

impl Default for Redis {
    fn default() -> Self {
        Self {
            urls: "redis://127.0.0.1:6379".to_owned(),
            cluster: false,
            username: None,
            password_file: None,
            prefix: "xchat".to_owned(),
            deadline: HumanDuration::from_secs(2),
        }
    }
}

impl Section for Redis {
    const NAME: &'static str = "redis";

    fn check(&self, mistakes: &mut Mistakes) {
        let known = |url: &str| url.starts_with("redis://") || url.starts_with("rediss://");
        if !listed(&self.urls).all(known) || self.urls.is_empty() {
            mistakes.add("urls", "each must begin with redis:// or rediss://");
        }
        if self.deadline.as_millis() == 0 {
            mistakes.add("deadline", "must be longer than nothing");
        }
    }
}

/// The items of a list that is written with commas.
pub(crate) fn listed(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

fn check_nodes(key: &str, text: &str, mistakes: &mut Mistakes) {
    let has_port = |node: &str| {
        let parts = node.rsplit_once(':');
        parts.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
    };
    if listed(text).next().is_none() || !listed(text).all(has_port) {
        mistakes.add(key, "each must be host:port");
    }
}
