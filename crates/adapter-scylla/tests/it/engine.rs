//! A keyspace a process and a port; a test has it alone, and finds it empty.

use std::{
    fmt,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use scylla::{
    client::{session::Session, session_builder::SessionBuilder},
    errors::ExecutionError,
};
use tokio::sync::{Mutex as AsyncMutex, MutexGuard, OnceCell};
use xchat_adapter_memory::ManualClock;
use xchat_adapter_scylla::{Migrator, OpenError, ScyllaOptions};
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
    generation: AtomicU32,
}

impl Shared {
    pub(crate) const fn new(name: &'static str, tables: &'static [&'static str]) -> Self {
        Self {
            name,
            tables,
            made: OnceCell::const_new(),
            turn: AsyncMutex::const_new(()),
            generation: AtomicU32::new(0),
        }
    }

    pub(crate) fn options(&self) -> ScyllaOptions {
        let generation = self.generation.load(Ordering::Relaxed);
        options(&format!("{}_{generation}", self.name))
    }

    async fn make(&self) {
        let options = self.options();
        let migrator = Migrator::connect(options, "test").await.unwrap();
        migrator.run(replicas()).await.unwrap();
    }

    /// Waits for the test's turn and empties the tables. The engine does that only with all its
    /// nodes up: without one, the next test has another keyspace.
    async fn take(&'static self) -> MutexGuard<'static, ()> {
        let guard = self.turn.lock().await;
        self.made.get_or_init(|| self.make()).await;
        if self.truncate().await.is_err() {
            self.generation.fetch_add(1, Ordering::Relaxed);
            self.make().await;
        }
        guard
    }

    async fn truncate(&self) -> Result<(), ExecutionError> {
        let session = session().await;
        let keyspace = self.options().keyspace;
        for table in self.tables {
            let truncate = format!("TRUNCATE {keyspace}.{table}");
            session.query_unpaged(truncate, ()).await?;
        }
        Ok(())
    }
}

/// Opens as a server does that starts while a node is away: again, for a while.
pub(crate) async fn opened<T, F>(open: impl Fn() -> F) -> T
where
    F: Future<Output = Result<T, OpenError>>,
{
    let until = Instant::now() + Duration::from_mins(1);
    loop {
        match open().await {
            Ok(store) => return store,
            Err(error) => assert!(Instant::now() < until, "{error}"),
        }
    }
}

/// Runs `stack.sh`.
pub(crate) fn stack(path: &str, words: &[&str]) {
    let status = Command::new(path).args(words).status().unwrap();
    assert!(status.success(), "{path} {words:?}");
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
