//! One fjall database: opening it, its errors, and its state after an error.
//!
//! fjall refuses all writes after one has failed. A full disk is the one such failure that mends
//! itself, so then the database is opened again once there is space. After a failed sync it never
//! is: pages that were dropped would be missing without a trace, and what is done again after a
//! restart begins at the last sync that held.
//!
//! Caution: fjall takes a corrupt record in the middle of its journal for a torn tail and drops
//! what follows (fjall issue 311). All tables of a database share that journal, so the store goes
//! back in time as a whole, commit hints with it; what the log still holds is folded again.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable};
use xchat_ports::{Clock, PortError, PortResult};

use crate::{OpenError, error::port_error, expiry::ExpiryFilters};

/// Free space below which a failed write is put down to a full disk.
const LEAST_SPACE: u64 = 16 * 1_024 * 1_024;
/// Bytes of a table in memory before it is written out.
const MEMTABLE_BYTES: u64 = 16 * 1_024 * 1_024;
/// Bytes of journals before tables are written out: bounds what an opening reads.
const JOURNAL_BYTES: u64 = 128 * 1_024 * 1_024;
/// The table that holds no expiring rows: format, commit hints.
pub(crate) const META: &str = "meta";
const FORMAT_KEY: &str = "format";
pub(crate) const FORMAT: u32 = 1;

/// The tables of a store.
pub(crate) trait Tables: Sized + Send + Sync + 'static {
    /// Opens each table; creates those that are not there.
    fn open(open: impl Fn(&str) -> fjall::Result<Keyspace>) -> fjall::Result<Self>;
}

pub(crate) struct Opened<T> {
    pub(crate) database: Database,
    pub(crate) meta: Keyspace,
    pub(crate) tables: T,
}

/// Why work on an engine failed.
pub(crate) enum Fault {
    Engine(fjall::Error),
    /// A row of the named table is not what is written there.
    Row(&'static str),
}

impl From<fjall::Error> for Fault {
    fn from(error: fjall::Error) -> Self {
        Self::Engine(error)
    }
}

pub(crate) struct Engine<T> {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    /// `None` while it is being opened again.
    opened: RwLock<Option<Opened<T>>>,
    full: AtomicBool,
    broken: AtomicBool,
    #[cfg(feature = "faults")]
    on_sync: std::sync::Mutex<Option<SyncHook>>,
}

/// Runs after each sync that held: what lies in the folder then is what a power cut leaves.
#[cfg(feature = "faults")]
pub type SyncHook = Box<dyn Fn() + Send + Sync>;

impl<T> fmt::Debug for Engine<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

impl<T: Tables> Engine<T> {
    /// Opens a database in a folder, or begins one. Blocks.
    pub(crate) fn open(folder: &Path, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let opened = open_database(folder, &clock)?;
        check_format(folder, &opened)?;
        Ok(Self {
            folder: folder.to_owned(),
            clock,
            opened: RwLock::new(Some(opened)),
            full: AtomicBool::new(false),
            broken: AtomicBool::new(false),
            #[cfg(feature = "faults")]
            on_sync: std::sync::Mutex::new(None),
        })
    }

    /// Runs a read.
    pub(crate) fn read<R>(
        &self,
        run: impl FnOnce(&Opened<T>) -> Result<R, Fault>,
    ) -> PortResult<R> {
        let guard = self.opened.read().unwrap_or_else(PoisonError::into_inner);
        let opened = guard.as_ref().ok_or_else(closed)?;
        run(opened).map_err(|fault| match fault {
            Fault::Engine(error) => translate(&self.folder, error),
            Fault::Row(table) => PortError::Corrupt(format!("a row of {table} does not read")),
        })
    }

    /// Runs a write; opens the database again first if the disk was full and is not any more.
    pub(crate) fn write<R>(
        &self,
        run: impl FnOnce(&Opened<T>) -> Result<R, Fault>,
    ) -> PortResult<R> {
        if self.full.load(Ordering::Acquire) {
            self.reopen()?;
        }
        let answer = self.read(run);
        if let Err(PortError::Full(_)) = &answer {
            self.full.store(true, Ordering::Release);
        }
        answer
    }

    /// Makes everything that was written survive a power cut.
    pub(crate) fn sync(&self) -> PortResult<()> {
        self.write(|opened| {
            let synced = opened.database.persist(PersistMode::SyncData);
            if let Err(fjall::Error::Io(error)) = &synced {
                self.broken.store(true, Ordering::Release);
                tracing::error!(
                    folder = %self.folder.display(),
                    %error,
                    "a store could not be synced: it takes no more writes until the next start",
                );
            }
            synced?;
            #[cfg(feature = "faults")]
            if let Some(hook) = &*self.hook() {
                hook();
            }
            Ok(())
        })
    }

    #[cfg(feature = "faults")]
    fn hook(&self) -> std::sync::MutexGuard<'_, Option<SyncHook>> {
        self.on_sync.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(feature = "faults")]
    pub(crate) fn on_sync(&self, hook: SyncHook) {
        *self.hook() = Some(hook);
    }

    fn reopen(&self) -> PortResult<()> {
        if self.broken.load(Ordering::Acquire) {
            return Err(closed());
        }
        if free_space(&self.folder) < LEAST_SPACE {
            return Err(PortError::Full("the disk is still full".into()));
        }
        let mut guard = self.opened.write().unwrap_or_else(PoisonError::into_inner);
        if !self.full.load(Ordering::Acquire) {
            return Ok(());
        }
        // The old one must be gone before its folder can be locked again.
        drop(guard.take());
        let opened = open_database(&self.folder, &self.clock).map_err(PortError::unavailable)?;
        *guard = Some(opened);
        self.full.store(false, Ordering::Release);
        tracing::info!(folder = %self.folder.display(), "a store goes on: there is space again");
        Ok(())
    }
}

fn closed() -> PortError {
    PortError::unavailable("the store has failed and must be started again")
}

fn open_database<T: Tables>(folder: &Path, clock: &Arc<dyn Clock>) -> Result<Opened<T>, OpenError> {
    std::fs::create_dir_all(folder).map_err(|error| OpenError::io(folder, error))?;
    let open = || {
        let database = Database::builder(folder)
            .max_journaling_size(JOURNAL_BYTES)
            .with_compaction_filter_factories(ExpiryFilters::assigner(Arc::clone(clock), META))
            .open()?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
        let meta = database.keyspace(META, options)?;
        let tables = T::open(|name| database.keyspace(name, options))?;
        Ok(Opened {
            database,
            meta,
            tables,
        })
    };
    // The engine asserts what it expects of its files: damage must not take the process down.
    catch_unwind(AssertUnwindSafe(open))
        .map_err(|_| OpenError::Unusable {
            path: folder.to_owned(),
            why: "the store's files are not what it wrote".to_owned(),
        })?
        .map_err(|error| open_error(folder, error))
}

fn check_format<T>(folder: &Path, opened: &Opened<T>) -> Result<(), OpenError> {
    let read = || -> fjall::Result<Option<fjall::UserValue>> {
        let found = opened.meta.get(FORMAT_KEY)?;
        if found.is_none() {
            opened.meta.insert(FORMAT_KEY, FORMAT.to_be_bytes())?;
            opened.database.persist(PersistMode::SyncAll)?;
        }
        Ok(found)
    };
    let found = read().map_err(|error| open_error(folder, error))?;
    match found {
        Some(bytes) if *bytes != FORMAT.to_be_bytes() => Err(OpenError::Version {
            path: folder.to_owned(),
            found: bytes.first_chunk().map_or_else(
                || "unknown".to_owned(),
                |n| u32::from_be_bytes(*n).to_string(),
            ),
            expected: FORMAT,
        }),
        Some(_) | None => Ok(()),
    }
}

/// What the disk answered, also where a table met it: that is no damage.
fn surface(error: fjall::Error) -> fjall::Error {
    if let fjall::Error::Storage(fjall::LsmError::Io(error)) = error {
        fjall::Error::Io(error)
    } else {
        error
    }
}

fn open_error(folder: &Path, error: fjall::Error) -> OpenError {
    let path = folder.to_owned();
    let error = surface(error);
    if let fjall::Error::Io(error) = error {
        OpenError::io(folder, error)
    } else if matches!(error, fjall::Error::Locked) {
        OpenError::Locked { path }
    } else if let fjall::Error::InvalidVersion(found) = error {
        OpenError::Version {
            path,
            found: format!("of another storage engine ({found:?})"),
            expected: FORMAT,
        }
    } else {
        let why = format!("the store's files do not read: {error}");
        OpenError::Unusable { path, why }
    }
}

/// What an engine error is to a caller.
fn translate(folder: &Path, error: fjall::Error) -> PortError {
    let error = surface(error);
    let corrupt = matches!(
        error,
        fjall::Error::Storage(_)
            | fjall::Error::Decompress(_)
            | fjall::Error::InvalidTrailer
            | fjall::Error::InvalidTag(_)
            | fjall::Error::Unrecoverable
    );
    if let fjall::Error::Io(error) = error {
        port_error(&error)
    } else if corrupt {
        PortError::Corrupt(error.to_string())
    } else if matches!(error, fjall::Error::Poisoned) && free_space(folder) < LEAST_SPACE {
        PortError::Full(error.into())
    } else {
        PortError::unavailable(error)
    }
}

fn free_space(folder: &Path) -> u64 {
    rustix::fs::statvfs(folder).map_or(u64::MAX, |stat| stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// A consistent view of all tables.
pub(crate) fn snapshot<T>(opened: &Opened<T>) -> impl Readable + use<T> {
    opened.database.snapshot()
}

/// Runs blocking work of an engine off the async threads. A panic in it is damage of the files.
pub(crate) async fn blocking<R: Send + 'static>(
    work: impl FnOnce() -> PortResult<R> + Send + 'static,
) -> PortResult<R> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| {
            if error.is_panic() {
                Err(PortError::Corrupt("the storage engine panicked".to_owned()))
            } else {
                Err(PortError::unavailable(error))
            }
        })
}
