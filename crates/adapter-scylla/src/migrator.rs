//! Applies the schema: in order, once, one migrator at a time.

use std::time::Duration;

use scylla::client::session::Session;
use sha2::{Digest, Sha256};

use crate::{OpenError, ScyllaOptions, cas, cluster::Cluster};

/// One file of `infra/scylla/`.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    pub version: i32,
    pub name: &'static str,
    pub cql: &'static str,
}

const MIGRATIONS: [Migration; 2] = [
    Migration {
        version: 1,
        name: "0001_messages.cql",
        cql: include_str!("../../../infra/scylla/0001_messages.cql"),
    },
    Migration {
        version: 2,
        name: "0002_directory.cql",
        cql: include_str!("../../../infra/scylla/0002_directory.cql"),
    },
];

/// The version that the stores of this crate need.
pub const SCHEMA_VERSION: i32 = 2;

/// What a run has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    pub names: Vec<&'static str>,
}

const VERSIONS: &str = "CREATE TABLE IF NOT EXISTS ks.schema_versions (\
    version int PRIMARY KEY, name text, checksum blob)";
const LOCK: &str = "CREATE TABLE IF NOT EXISTS ks.schema_lock (id int PRIMARY KEY, holder text)";
/// A migrator that died holds the lock no longer than this, in seconds.
const TAKE_LOCK: &str =
    "INSERT INTO ks.schema_lock (id, holder) VALUES (1, ?) IF NOT EXISTS USING TTL 120";
const DROP_LOCK: &str = "DELETE FROM ks.schema_lock WHERE id = 1 IF holder = ?";
const READ_LOCK: &str = "SELECT holder FROM ks.schema_lock WHERE id = 1";

/// Brings a keyspace to [`SCHEMA_VERSION`]. Two at once are safe: the second waits for the first
/// and finds nothing to do.
#[derive(Debug)]
pub struct Migrator {
    cluster: Cluster,
    holder: String,
}

impl Migrator {
    /// `holder` names this run among those at work at the same time: unique, not secret.
    pub async fn connect(
        options: ScyllaOptions,
        holder: impl Into<String>,
    ) -> Result<Self, OpenError> {
        // Statements that change the schema take longer than those that read rows.
        let request_timeout = Duration::from_secs(20);
        let options = ScyllaOptions {
            request_timeout,
            ..options
        };
        Ok(Self {
            cluster: Cluster::connect(options).await?,
            holder: holder.into(),
        })
    }

    /// Creates the keyspace with `replicas` in each datacenter if it is not there (one that is
    /// keeps its replication), and applies what is missing.
    pub async fn run(&self, replicas: u8) -> Result<Applied, OpenError> {
        self.run_all(replicas, &MIGRATIONS).await
    }

    /// [`Migrator::run`] with other files: for tests of the migrator itself.
    pub async fn run_all(
        &self,
        replicas: u8,
        migrations: &[Migration],
    ) -> Result<Applied, OpenError> {
        self.change(&self.keyspace(replicas)?).await?;
        self.change(&self.cluster.statement(VERSIONS)).await?;
        self.change(&self.cluster.statement(LOCK)).await?;
        self.lock().await?;
        let applied = self.apply(migrations).await;
        let unlocked = self.unlock().await;
        let applied = applied?;
        unlocked?;
        Ok(applied)
    }

    fn keyspace(&self, replicas: u8) -> Result<String, OpenError> {
        let state = self.cluster.session.get_cluster_state();
        let mut datacenters: Vec<&str> = state
            .get_nodes_info()
            .iter()
            .filter_map(|node| node.datacenter.as_deref())
            .collect();
        datacenters.sort_unstable();
        datacenters.dedup();
        if replicas == 0 || datacenters.is_empty() {
            return Err(OpenError::Replication);
        }
        let places: Vec<String> = datacenters
            .iter()
            .map(|name| format!("'{}': {replicas}", name.replace('\'', "''")))
            .collect();
        Ok(format!(
            "CREATE KEYSPACE IF NOT EXISTS {} WITH replication = \
             {{'class': 'NetworkTopologyStrategy', {}}}",
            self.cluster.options.keyspace,
            places.join(", ")
        ))
    }

    /// One statement, and then agreement of all nodes on it.
    async fn change(&self, cql: &str) -> Result<(), OpenError> {
        self.cluster.session.query_unpaged(cql, ()).await?;
        let agreed = self.cluster.session.await_schema_agreement().await;
        agreed.map_err(xchat_ports::PortError::unavailable)?;
        Ok(())
    }

    async fn lock(&self) -> Result<(), OpenError> {
        let take = self.cluster.prepare_conditional(TAKE_LOCK).await?;
        let read = self.cluster.prepare_serial_read(READ_LOCK).await?;
        // More than the lock lives, so that a dead migrator is outwaited.
        for _ in 0..300 {
            match cas::attempt(&self.cluster, &take, (&self.holder,)).await? {
                cas::Attempt::Applied => return Ok(()),
                cas::Attempt::Refused | cas::Attempt::Unknown => {
                    let held: Option<(String,)> = self.cluster.row(&read, ()).await?;
                    if held.is_some_and(|(holder,)| holder == self.holder) {
                        return Ok(());
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        Err(OpenError::Locked)
    }

    async fn unlock(&self) -> Result<(), OpenError> {
        let drop = self.cluster.prepare_conditional(DROP_LOCK).await?;
        // Unknown is as good: the lock ends by itself.
        cas::attempt(&self.cluster, &drop, (&self.holder,)).await?;
        Ok(())
    }

    async fn apply(&self, migrations: &[Migration]) -> Result<Applied, OpenError> {
        let insert = "INSERT INTO ks.schema_versions (version, name, checksum) VALUES (?, ?, ?)";
        let insert = self.cluster.prepare(insert).await?;
        let read = "SELECT checksum FROM ks.schema_versions WHERE version = ?";
        let read = self.cluster.prepare(read).await?;
        let mut applied = Applied::default();
        for migration in migrations {
            let checksum = Sha256::digest(migration.cql.as_bytes()).to_vec();
            let stored: Option<(Vec<u8>,)> = self.cluster.row(&read, (migration.version,)).await?;
            match stored {
                Some((stored,)) if stored == checksum => continue,
                Some(_) => {
                    let name = migration.name.to_owned();
                    return Err(OpenError::Changed { name });
                }
                None => {}
            }
            for statement in statements(migration.cql) {
                let table = format!("IF NOT EXISTS {}.", self.cluster.options.keyspace);
                self.change(&statement.replace("IF NOT EXISTS ", &table))
                    .await?;
            }
            let row = (migration.version, migration.name, checksum);
            self.cluster.execute(&insert, row).await?;
            applied.names.push(migration.name);
        }
        Ok(applied)
    }
}

/// Statements of a file, without comments. A migration holds no `--` or `;` within a string.
fn statements(cql: &str) -> Vec<String> {
    let code: Vec<&str> = cql
        .lines()
        .filter_map(|line| line.split("--").next())
        .collect();
    code.join("\n")
        .split(';')
        .map(|statement| statement.trim().to_owned())
        .filter(|statement| !statement.is_empty())
        .collect()
}

/// Refuses a keyspace whose schema is older than this program.
pub(crate) async fn check(cluster: &Cluster) -> Result<(), OpenError> {
    let found = version(&cluster.session, &cluster.options.keyspace, cluster).await?;
    if found >= SCHEMA_VERSION {
        return Ok(());
    }
    Err(OpenError::Schema {
        keyspace: cluster.options.keyspace.clone(),
        found,
        needed: SCHEMA_VERSION,
    })
}

/// The highest version applied; 0 without a keyspace or a table of versions.
async fn version(session: &Session, keyspace: &str, cluster: &Cluster) -> Result<i32, OpenError> {
    let tables = "SELECT table_name FROM system_schema.tables \
                  WHERE keyspace_name = ? AND table_name = 'schema_versions'";
    let there = session.query_unpaged(tables, (keyspace,)).await?;
    let there = there
        .into_rows_result()
        .is_ok_and(|rows| rows.rows_num() > 0);
    if !there {
        return Ok(0);
    }
    let read = cluster
        .prepare("SELECT version FROM ks.schema_versions")
        .await?;
    let versions: Vec<(i32,)> = cluster.rows(&read, (), usize::MAX).await?;
    Ok(versions
        .into_iter()
        .map(|(version,)| version)
        .max()
        .unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_count_from_one_and_end_at_the_version_that_stores_need() {
        let versions: Vec<i32> = MIGRATIONS.iter().map(|file| file.version).collect();
        let expected: Vec<i32> = (1..=SCHEMA_VERSION).collect();
        assert_eq!(versions, expected);
        for file in MIGRATIONS {
            assert!(file.name.starts_with(&format!("{:04}_", file.version)));
        }
    }

    #[test]
    fn every_statement_can_be_run_again_and_is_common_cql() {
        for file in MIGRATIONS {
            for statement in statements(file.cql) {
                assert!(
                    statement.starts_with("CREATE TABLE IF NOT EXISTS "),
                    "{statement}"
                );
                assert!(statement.contains("gc_grace_seconds"), "{statement}");
                for word in [
                    "tablets",
                    "Incremental",
                    "Unified",
                    "SAI",
                    "counter",
                    "VIEW",
                ] {
                    assert!(!statement.contains(word), "{word} in {statement}");
                }
            }
        }
    }
}
