//! Stores on ScyllaDB or Cassandra, from their section.

use std::{fs, path::Path, sync::Arc};

use xchat_adapter_scylla::{
    Migrator, OpenError, ScyllaDirectoryStore, ScyllaMessageStore, ScyllaOptions,
};
use xchat_ports::Clock;

use crate::{
    Config, Error, Trouble,
    config::{Scylla, listed},
    error::with_causes,
};

pub(super) async fn messages(
    config: &Config,
    clock: Arc<dyn Clock>,
) -> Result<ScyllaMessageStore, Error> {
    let section = &config.scylla;
    let store = ScyllaMessageStore::open(options(section)?, clock).await;
    store.map_err(|error| refused(section, &error))
}

pub(super) async fn directory(
    config: &Config,
    clock: Arc<dyn Clock>,
) -> Result<ScyllaDirectoryStore, Error> {
    let section = &config.scylla;
    let store = ScyllaDirectoryStore::open(options(section)?, clock).await;
    store.map_err(|error| refused(section, &error))
}

pub(super) async fn migrate(config: &Config, holder: String) -> Result<Vec<&'static str>, Error> {
    let section = &config.scylla;
    let migrator = Migrator::connect(options(section)?, holder).await;
    let migrator = migrator.map_err(|error| refused(section, &error))?;
    let applied = migrator.run(section.replicas).await;
    Ok(applied.map_err(|error| refused(section, &error))?.names)
}

fn options(section: &Scylla) -> Result<ScyllaOptions, Error> {
    let nodes = listed(&section.nodes).map(str::to_owned).collect();
    let login = match (&section.username, &section.password_file) {
        (Some(user), Some(file)) => Some((user.clone(), password(file)?)),
        _ => None,
    };
    Ok(ScyllaOptions {
        login,
        request_timeout: section.request_timeout.0,
        sync_interval: section.sync_interval.0,
        ..ScyllaOptions::new(nodes, &section.keyspace)
    })
}

fn password(path: &Path) -> Result<String, Error> {
    let text = fs::read_to_string(path).map_err(|error| Error::Engine {
        code: "scylla_password",
        trouble: Trouble::Access,
        what: format!("backends.scylla.password_file {}: {error}", path.display()),
    })?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn refused(section: &Scylla, error: &OpenError) -> Error {
    let (code, trouble) = match error {
        OpenError::Keyspace | OpenError::Replication => ("scylla_keyspace", Trouble::Content),
        OpenError::Schema { .. } => ("scylla_schema", Trouble::Content),
        OpenError::Changed { .. } => ("scylla_migration", Trouble::Content),
        OpenError::Locked => ("scylla_locked", Trouble::InUse),
        OpenError::Connect(_)
        | OpenError::Statement(_)
        | OpenError::Prepare(_)
        | OpenError::Port(_) => ("scylla_away", Trouble::Away),
    };
    let what = format!("{} (nodes: {})", with_causes(error), section.nodes);
    Error::Engine {
        code,
        trouble,
        what,
    }
}
