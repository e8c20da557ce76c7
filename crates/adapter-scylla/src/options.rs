//! How to reach the engine.

use std::{fmt, time::Duration};

/// Settings of a connection. Nothing here is read from the environment.
#[derive(Clone)]
pub struct ScyllaOptions {
    /// `host:port` of some nodes; the others are found through them.
    pub nodes: Vec<String>,
    /// Lower case letters, digits and underscores, at most 48.
    pub keyspace: String,
    /// User and password, where the engine asks for them.
    pub login: Option<(String, String)>,
    /// What a request may take, retries included. Longer than the engine's own (Cassandra: 2 s
    /// for writes) only hides which of the two gave up.
    pub request_timeout: Duration,
    /// What a call made of conditional writes may take in all, resolving unknown outcomes included.
    pub conditional_timeout: Duration,
    /// Requests in flight of one store; more wait, for at most `request_timeout`.
    pub in_flight: usize,
    /// How long the engine acknowledges before it syncs (`commitlog_sync_period`, 10 s by
    /// default); zero under `commitlog_sync: batch` or `group`.
    pub sync_interval: Duration,
}

impl ScyllaOptions {
    pub fn new(nodes: Vec<String>, keyspace: impl Into<String>) -> Self {
        Self {
            nodes,
            keyspace: keyspace.into(),
            login: None,
            request_timeout: Duration::from_secs(2),
            conditional_timeout: Duration::from_secs(8),
            in_flight: 256,
            sync_interval: Duration::from_secs(10),
        }
    }

    /// Names go into statements as they are: nothing but a plain name is one.
    pub(crate) fn keyspace_is_plain(&self) -> bool {
        let name = self.keyspace.as_bytes();
        (1..=48).contains(&name.len())
            && name.first().is_some_and(u8::is_ascii_lowercase)
            && name
                .iter()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_')
    }
}

/// Without the password.
impl fmt::Debug for ScyllaOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScyllaOptions")
            .field("nodes", &self.nodes)
            .field("keyspace", &self.keyspace)
            .field("request_timeout", &self.request_timeout)
            .field("conditional_timeout", &self.conditional_timeout)
            .field("in_flight", &self.in_flight)
            .field("sync_interval", &self.sync_interval)
            .finish_non_exhaustive()
    }
}
