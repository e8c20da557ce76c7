//! A keyspace a process and a port; a test has it alone, and finds it empty.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use scylla::client::{session::Session, session_builder::SessionBuilder};
use tokio::sync::{Mutex as AsyncMutex, MutexGuard, OnceCell};
use xchat_adapter_memory::ManualClock;
use xchat_adapter_scylla::{Migrator, ScyllaOptions};
use xchat_ports::Clock;
use xchat_types::Millis;

pub(crate) fn nodes() -> Option<Vec<String>> {
    let address = xchat_ports::contract::engine::engine("scylla")?;
    Some(address.split(',').map(str::to_owned).collect())
}

/// Keyspaces of this run; left behind ones are dropped with the stack.
pub(crate) fn options(keyspace: &str) -> ScyllaOptions {
    let keyspace = format!("test_{}_{keyspace}", std::process::id());
    ScyllaOptions {
        sync_interval: Duration::from_millis(10),
        ..ScyllaOptions::new(nodes().unwrap(), keyspace)
    }
}

pub(crate) fn replicas() -> u8 {
    u8::try_from(nodes().unwrap().len().min(3)).unwrap()
}

pub(crate) fn clock() -> Arc<dyn Clock> {
    let clock = ManualClock::default();
    clock.set(Millis(1_800_000_000_000));
    Arc::new(clock)
}

pub(crate) async fn session() -> Session {
    let builder = SessionBuilder::new().known_nodes(nodes().unwrap());
    builder.build().await.unwrap()
}

/// A keyspace that tests of one port take in turn.
pub(crate) struct Shared {
    pub(crate) name: &'static str,
    tables: &'static [&'static str],
    made: OnceCell<()>,
    turn: AsyncMutex<()>,
}

impl Shared {
    pub(crate) const fn new(name: &'static str, tables: &'static [&'static str]) -> Self {
        Self {
            name,
            tables,
            made: OnceCell::const_new(),
            turn: AsyncMutex::const_new(()),
        }
    }

    /// Waits for the test's turn and empties the tables.
    async fn take(&'static self) -> MutexGuard<'static, ()> {
        let guard = self.turn.lock().await;
        self.made
            .get_or_init(|| async {
                let migrator = Migrator::connect(options(self.name), "test").await.unwrap();
                migrator.run(replicas()).await.unwrap();
            })
            .await;
        let session = session().await;
        let keyspace = options(self.name).keyspace;
        for table in self.tables {
            let truncate = format!("TRUNCATE {keyspace}.{table}");
            session.query_unpaged(truncate, ()).await.unwrap();
        }
        guard
    }
}

/// A turn that lasts as long as the factory of a test.
pub(crate) struct Turn {
    pub(crate) shared: &'static Shared,
    guard: Mutex<Option<MutexGuard<'static, ()>>>,
}

impl Turn {
    pub(crate) const fn new(shared: &'static Shared) -> Self {
        Self {
            shared,
            guard: Mutex::new(None),
        }
    }

    pub(crate) async fn begin(&self) {
        drop(self.guard.lock().unwrap().take());
        let guard = self.shared.take().await;
        *self.guard.lock().unwrap() = Some(guard);
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "keyspace {}", self.shared.name)
    }
}
