//! Where the engine is and how long a call may take.

use std::{path::PathBuf, time::Duration};

/// Settings of a [`crate::RedisRouting`].
#[derive(Clone, Debug)]
pub struct RedisConfig {
    /// `redis://host:port` or `rediss://…`: the engine, or some nodes of the cluster.
    pub urls: Vec<String>,
    pub cluster: bool,
    pub username: Option<String>,
    /// Holds the password; white space around it is cut off.
    pub password_file: Option<PathBuf>,
    /// Begins every key, so that several deployments can share an engine.
    pub prefix: String,
    /// Ends every call, connecting included.
    pub deadline: Duration,
}

impl RedisConfig {
    /// One server, or a cluster if there are several urls.
    pub fn new(urls: Vec<String>) -> Self {
        Self {
            cluster: urls.len() > 1,
            urls,
            username: None,
            password_file: None,
            prefix: "xchat".to_owned(),
            deadline: Duration::from_secs(2),
        }
    }
}
