//! Opening, and letting go.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::task::spawn_blocking;
use tonic::transport::Channel;
use xchat_adapter_embedded::{
    EmbeddedDirectoryStore, EmbeddedEventLog, EmbeddedMessageStore, EmbeddedRouting, LogOptions,
    RemoteRouting,
};
use xchat_ports::{Clock, DirectoryStore, EventLog, MessageStore, Rng, Routing};

use crate::{Config, Error, config::Kind};

/// How often it is looked whether a store is free, and how long at most.
const RELEASE_PAUSE: Duration = Duration::from_millis(2);
const RELEASE_TRIES: u32 = 5_000;

/// The log and the store that fanout owns.
#[derive(Clone, Debug)]
pub struct Envelopes {
    pub log: Arc<dyn EventLog>,
    pub store: Arc<dyn MessageStore>,
}

/// Opens the configured adapters and keeps hold of what must be closed in order.
#[derive(Debug)]
pub struct Backends {
    config: Config,
    data_dir: PathBuf,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    /// In the order of opening: each may hold the ones before it.
    opened: Vec<Opened>,
}

/// One more handle on what was opened, to see when it is the last.
#[derive(Debug)]
enum Opened {
    Messages(EmbeddedMessageStore),
    Log(Arc<EmbeddedEventLog>),
    Directory(EmbeddedDirectoryStore),
}

impl Opened {
    fn is_shared(&self) -> bool {
        match self {
            Self::Messages(store) => store.is_shared(),
            Self::Log(log) => Arc::strong_count(log) > 1,
            Self::Directory(store) => store.is_shared(),
        }
    }
}

impl Backends {
    pub fn new(config: &Config, data_dir: &Path, clock: Arc<dyn Clock>, rng: Arc<dyn Rng>) -> Self {
        Self {
            config: config.clone(),
            data_dir: data_dir.to_owned(),
            clock,
            rng,
            opened: Vec::new(),
        }
    }

    /// Opens what fanout owns. Blocks: it reads the log back to its last checkpoint.
    ///
    /// # Errors
    /// When another process has it, it can't be written, or its content is damaged.
    pub fn envelopes(&mut self) -> Result<Envelopes, Error> {
        let (Kind::Embedded, Kind::Embedded) =
            (self.config.message_store.kind, self.config.event_log.kind);
        let clock = Arc::clone(&self.clock);
        let store = EmbeddedMessageStore::open(&self.data_dir.join("messages"), clock)?;
        self.opened.push(Opened::Messages(store.clone()));
        let store = Arc::new(store);
        let log = Arc::new(EmbeddedEventLog::open(
            &self.data_dir.join("log"),
            self.log_options(),
            Arc::clone(&self.clock),
            &*self.rng,
            Arc::clone(&store) as _,
        )?);
        self.opened.push(Opened::Log(Arc::clone(&log)));
        Ok(Envelopes { log, store })
    }

    /// Opens what identity owns. Blocks.
    ///
    /// # Errors
    /// When another process has it, it can't be written, or its content is damaged.
    pub fn directory(&mut self) -> Result<Arc<dyn DirectoryStore>, Error> {
        let Kind::Embedded = self.config.directory_store.kind;
        let clock = Arc::clone(&self.clock);
        let store = EmbeddedDirectoryStore::open(&self.data_dir.join("directory"), clock)?;
        self.opened.push(Opened::Directory(store.clone()));
        Ok(Arc::new(store))
    }

    /// What presence owns.
    pub fn routing(&self) -> Arc<dyn Routing> {
        let Kind::Embedded = self.config.routing.kind;
        Arc::new(EmbeddedRouting::new(Arc::clone(&self.clock)))
    }

    /// What fanout reads: the same store where the engine has many clients, presence's RPC where
    /// it has one owner.
    pub fn routing_of(&self, presence: Channel) -> Arc<dyn Routing> {
        let Kind::Embedded = self.config.routing.kind;
        Arc::new(RemoteRouting::new(presence))
    }

    /// Waits until nobody uses the stores any more and closes them, the last opened first. When
    /// it returns their folders can be opened again.
    pub async fn close(mut self) {
        while let Some(store) = self.opened.pop() {
            let mut tries = 0;
            while store.is_shared() && tries < RELEASE_TRIES {
                tokio::time::sleep(RELEASE_PAUSE).await;
                tries += 1;
            }
            if store.is_shared() {
                tracing::error!("a store is still in use and was not closed");
            }
            // A store's last sync blocks.
            let _ = spawn_blocking(move || drop(store)).await;
        }
    }

    fn log_options(&self) -> LogOptions {
        LogOptions {
            partitions: self.config.event_log.partitions,
            segment_bytes: u32::try_from(self.config.event_log.segment.bytes()).unwrap_or(u32::MAX),
            ..LogOptions::default()
        }
    }
}
