//! The connection: one a process, shared by all calls, made again in the background.

use std::{fmt, fs, future::Future, time::Duration};

use redis::{
    Client, Cmd, ConnectionInfo, FromRedisValue, IntoConnectionInfo, RedisResult,
    aio::{ConnectionManager, ConnectionManagerConfig},
    cluster::ClusterClient,
};
use tokio::time::timeout;
use xchat_ports::{PortError, PortResult};

use crate::{RedisConfig, cluster::Cluster};

/// Waits between attempts to connect again.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));
const ATTEMPTS: usize = 6;

pub(crate) struct Engine {
    connection: Connection,
    deadline: Duration,
}

enum Connection {
    Single(ConnectionManager),
    Cluster(Cluster),
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_cluster() {
            "cluster"
        } else {
            "single"
        };
        write!(f, "Engine({kind})")
    }
}

impl Engine {
    /// Connects at the first call.
    pub(crate) fn open(config: &RedisConfig) -> PortResult<Self> {
        let infos = infos(config)?;
        let connection = if config.cluster {
            cluster(infos, config)
        } else {
            single(infos, config)
        };
        Ok(Self {
            connection: connection.map_err(PortError::unavailable)?,
            deadline: config.deadline,
        })
    }

    pub(crate) const fn is_cluster(&self) -> bool {
        matches!(self.connection, Connection::Cluster(..))
    }

    /// One command. To be called within the deadline.
    pub(crate) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        match &self.connection {
            Connection::Single(manager) => command.query_async(&mut manager.clone()).await,
            Connection::Cluster(cluster) => cluster.ask(command).await,
        }
    }

    pub(crate) async fn within_deadline<T>(
        &self,
        call: impl Future<Output = RedisResult<T>>,
    ) -> PortResult<T> {
        let answer = timeout(self.deadline, call).await;
        answer
            .map_err(PortError::unavailable)?
            .map_err(PortError::unavailable)
    }
}

fn infos(config: &RedisConfig) -> PortResult<Vec<ConnectionInfo>> {
    let password = config.password_file.as_ref().map(fs::read_to_string);
    let password = password.transpose().map_err(PortError::unavailable)?;
    let info = |url: &String| {
        let info = url.as_str().into_connection_info()?;
        let mut login = info.redis_settings().clone();
        if let Some(username) = &config.username {
            login = login.set_username(username.as_str());
        }
        if let Some(password) = &password {
            login = login.set_password(password.trim());
        }
        Ok(info.set_redis_settings(login))
    };
    let infos: RedisResult<Vec<ConnectionInfo>> = config.urls.iter().map(info).collect();
    infos.map_err(PortError::unavailable)
}

fn single(infos: Vec<ConnectionInfo>, config: &RedisConfig) -> RedisResult<Connection> {
    let Some(info) = infos.into_iter().next() else {
        return Err((redis::ErrorKind::InvalidClientConfig, "no url").into());
    };
    let settings = ConnectionManagerConfig::new()
        .set_min_delay(BACKOFF.0)
        .set_max_delay(BACKOFF.1)
        .set_number_of_retries(ATTEMPTS)
        .set_response_timeout(Some(config.deadline))
        .set_connection_timeout(Some(config.deadline));
    let manager = ConnectionManager::new_lazy_with_config(Client::open(info)?, settings)?;
    Ok(Connection::Single(manager))
}

/// Attempts within a call get half of its time, so that a node that stands still leaves some for
/// the others.
fn cluster(infos: Vec<ConnectionInfo>, config: &RedisConfig) -> RedisResult<Connection> {
    let milliseconds = |wait: Duration| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    let client = ClusterClient::builder(infos)
        .min_retry_wait(milliseconds(BACKOFF.0))
        .max_retry_wait(milliseconds(BACKOFF.1))
        .overall_response_timeout(Some(config.deadline))
        .response_timeout(config.deadline / 2)
        .connection_timeout(config.deadline / 2)
        .build()?;
    let patience = config.deadline.saturating_mul(2);
    Ok(Connection::Cluster(Cluster::new(client, patience)))
}
