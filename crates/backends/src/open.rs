//! Opening, and letting go.

#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "scylla")]
mod scylla;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::task::spawn_blocking;
use xchat_adapter_embedded::{
    EmbeddedDirectoryStore, EmbeddedEventLog, EmbeddedMessageStore, EmbeddedRouting, LogOptions,
    RemoteRouting,
};
use xchat_ports::{Clock, DirectoryStore, EventLog, MessageStore, Rng, Routing};
use xchat_runtime::channel::Channel;

use crate::{
    Config, Error,
    config::{LogKind, RoutingKind, StoreKind},
    metered::Metered,
};

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
    #[cfg(feature = "kafka")]
    Kafka(Arc<xchat_adapter_kafka::KafkaEventLog>),
}

impl Opened {
    fn is_shared(&self) -> bool {
        match self {
            Self::Messages(store) => store.is_shared(),
            Self::Log(log) => Arc::strong_count(log) > 1,
            Self::Directory(store) => store.is_shared(),
            #[cfg(feature = "kafka")]
            Self::Kafka(log) => Arc::strong_count(log) > 1,
        }
    }
}

/// The configuration's check refuses what this build lacks; this keeps the program total.
#[cfg(not(all(feature = "kafka", feature = "scylla", feature = "redis")))]
fn lacking(name: &str) -> Error {
    Error::Engine {
        code: "not_built",
        trouble: crate::Trouble::Content,
        what: format!("this program was built without {name}"),
    }
}

/// Folders of the embedded stores.
const MESSAGES: &str = "messages";
const LOG: &str = "log";
const DIRECTORY: &str = "directory";

/// Whether embedded stores have been opened in this data directory before.
pub fn is_used(data_dir: &Path) -> bool {
    let mut folders = [MESSAGES, LOG, DIRECTORY].into_iter();
    folders.any(|folder| data_dir.join(folder).exists())
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

    /// Opens what fanout owns. An embedded log is read back to its last checkpoint, on this thread.
    ///
    /// # Errors
    /// When another process has it, it can't be reached or written, or its content is damaged.
    pub async fn envelopes(&mut self) -> Result<Envelopes, Error> {
        let Envelopes { log, store } =
            match (self.config.event_log.kind, self.config.message_store.kind) {
                (LogKind::Kafka, _) | (_, StoreKind::Scylla) => Envelopes {
                    store: self.scylla_messages().await?,
                    log: self.kafka_log().await?,
                },
                (LogKind::Embedded, StoreKind::Embedded) => self.embedded_envelopes()?,
            };
        Ok(Envelopes {
            log: Arc::new(Metered(log)),
            store: Arc::new(Metered(store)),
        })
    }

    fn embedded_envelopes(&mut self) -> Result<Envelopes, Error> {
        let clock = Arc::clone(&self.clock);
        let store = EmbeddedMessageStore::open(&self.data_dir.join(MESSAGES), clock)?;
        self.opened.push(Opened::Messages(store.clone()));
        let store = Arc::new(store);
        let log = Arc::new(EmbeddedEventLog::open(
            &self.data_dir.join(LOG),
            self.log_options(),
            Arc::clone(&self.clock),
            &*self.rng,
            Arc::clone(&store) as _,
        )?);
        self.opened.push(Opened::Log(Arc::clone(&log)));
        Ok(Envelopes { log, store })
    }

    #[cfg(feature = "kafka")]
    async fn kafka_log(&mut self) -> Result<Arc<dyn EventLog>, Error> {
        let log = Arc::new(kafka::log(&self.config).await?);
        self.opened.push(Opened::Kafka(Arc::clone(&log)));
        Ok(log)
    }

    #[cfg(not(feature = "kafka"))]
    #[allow(clippy::unused_async, reason = "engines are waited for")]
    async fn kafka_log(&mut self) -> Result<Arc<dyn EventLog>, Error> {
        Err(lacking("kafka"))
    }

    #[cfg(feature = "scylla")]
    async fn scylla_messages(&self) -> Result<Arc<dyn MessageStore>, Error> {
        let clock = Arc::clone(&self.clock);
        Ok(Arc::new(scylla::messages(&self.config, clock).await?))
    }

    #[cfg(not(feature = "scylla"))]
    #[allow(clippy::unused_async, reason = "engines are waited for")]
    async fn scylla_messages(&self) -> Result<Arc<dyn MessageStore>, Error> {
        Err(lacking("scylla"))
    }

    /// Opens what identity owns; an embedded store on this thread.
    ///
    /// # Errors
    /// When another process has it, it can't be reached or written, or its content is damaged.
    #[allow(clippy::unused_async, reason = "engines are waited for")]
    pub async fn directory(&mut self) -> Result<Arc<dyn DirectoryStore>, Error> {
        let clock = Arc::clone(&self.clock);
        let store: Arc<dyn DirectoryStore> = match self.config.directory_store.kind {
            StoreKind::Embedded => {
                let folder = self.data_dir.join(DIRECTORY);
                let store = EmbeddedDirectoryStore::open(&folder, clock)?;
                self.opened.push(Opened::Directory(store.clone()));
                Arc::new(store)
            }
            #[cfg(feature = "scylla")]
            StoreKind::Scylla => Arc::new(scylla::directory(&self.config, clock).await?),
            #[cfg(not(feature = "scylla"))]
            StoreKind::Scylla => return Err(lacking("scylla")),
        };
        Ok(Arc::new(Metered(store)))
    }

    /// What presence owns.
    ///
    /// # Errors
    /// When the settings of the engine can't be used.
    pub fn routing(&self) -> Result<Arc<dyn Routing>, Error> {
        let routing: Arc<dyn Routing> = match self.config.routing.kind {
            RoutingKind::Embedded => {
                let clock = Arc::clone(&self.clock);
                Arc::new(EmbeddedRouting::new(clock))
            }
            #[cfg(feature = "redis")]
            RoutingKind::Redis => Arc::new(redis::routing(&self.config)?),
            #[cfg(not(feature = "redis"))]
            RoutingKind::Redis => return Err(lacking("redis")),
        };
        Ok(Arc::new(Metered(routing)))
    }

    /// What fanout reads: the same store where the engine has many clients, presence's RPC where
    /// it has one owner.
    ///
    /// # Errors
    /// As [`Backends::routing`].
    pub fn routing_of(&self, presence: Channel) -> Result<Arc<dyn Routing>, Error> {
        match self.config.routing.kind {
            RoutingKind::Embedded => {
                let remote: Arc<dyn Routing> = Arc::new(RemoteRouting::new(presence.untraced()));
                Ok(Arc::new(Metered(remote)))
            }
            RoutingKind::Redis => self.routing(),
        }
    }

    /// Brings the schema of the engine that keeps the stores up to this program; names what was
    /// applied. `None` where all stores are embedded, which have none.
    ///
    /// # Errors
    /// When the engine can't be reached, or holds another schema under a known name.
    pub async fn migrate(&self) -> Result<Option<Vec<&'static str>>, Error> {
        if self.config.keeps_data_here() {
            return Ok(None);
        }
        self.migrate_scylla().await.map(Some)
    }

    #[cfg(feature = "scylla")]
    async fn migrate_scylla(&self) -> Result<Vec<&'static str>, Error> {
        let holder = u64::from_le_bytes(xchat_ports::ambient::random(&*self.rng));
        scylla::migrate(&self.config, format!("{holder:016x}")).await
    }

    #[cfg(not(feature = "scylla"))]
    #[allow(clippy::unused_async, reason = "engines are waited for")]
    async fn migrate_scylla(&self) -> Result<Vec<&'static str>, Error> {
        Err(lacking("scylla"))
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
            #[cfg(feature = "kafka")]
            if let Opened::Kafka(log) = &store
                && let Err(cause) = log.close().await
            {
                tracing::error!(%cause, "the log was closed before all was acknowledged");
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
