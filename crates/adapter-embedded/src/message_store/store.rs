//! The blocking half of the store: its engine, its locks.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use xchat_ports::{Clock, PortResult};
use xchat_types::Millis;

use super::{positions::Folded, tables::MessageTables};
use crate::{
    OpenError,
    engine::{Engine, Opened},
    group_sync::GroupSync,
};

/// Locks that writes share by the first byte of their key.
const STRIPES: usize = 64;

pub(super) type Database = Opened<MessageTables>;

#[derive(Debug)]
pub(super) struct Store {
    pub(super) engine: Engine<MessageTables>,
    syncs: GroupSync,
    clock: Arc<dyn Clock>,
    stripes: [Mutex<()>; STRIPES],
    pub(super) folded: Mutex<Option<Folded>>,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    pub(super) fn open(folder: &Path, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        Ok(Self {
            engine: Engine::open(folder, Arc::clone(&clock))?,
            syncs: GroupSync::default(),
            clock,
            stripes: [const { Mutex::new(()) }; STRIPES],
            folded: Mutex::new(None),
        })
    }

    /// Makes everything that was written survive a power cut. Commits that wait share a sync.
    pub(super) fn sync(&self) -> PortResult<()> {
        self.syncs.wrote();
        self.syncs.wait(|| self.engine.sync())
    }

    pub(super) fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Held over a read and the write that it decides about.
    pub(super) fn stripe(&self, id: &impl AsRef<[u8]>) -> MutexGuard<'_, ()> {
        let [first, ..] = &self.stripes;
        let byte = id.as_ref().first().copied().unwrap_or(0);
        lock(
            self.stripes
                .get(usize::from(byte) % STRIPES)
                .unwrap_or(first),
        )
    }
}
