//! A disk for tests: it can lose what was not synced, be cut off between any two operations, and
//! be full.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use redb::{Database, StorageBackend};

use crate::error::Error;

/// One disk; clones are the same one.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    synced: Vec<u8>,
    /// What was done since the last sync, in order.
    unsynced: Vec<Operation>,
    /// The file as its process sees it.
    seen: Vec<u8>,
    operations: usize,
    /// The operation at which the power goes.
    cut_at: Option<usize>,
    capacity: Option<usize>,
}

#[derive(Clone, Debug)]
enum Operation {
    Write(usize, Vec<u8>),
    Resize(usize),
}

impl Operation {
    fn carry_out(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Resize(length) => bytes.resize(*length, 0),
            Self::Write(offset, data) => {
                let end = offset + data.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(data);
            }
        }
    }
}

impl Disk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn open(&self) -> Result<Database, Error> {
        let open = || Database::builder().create_with_backend(self.clone());
        super::caught(|| open().map_err(super::storage))
    }

    pub(super) fn operations(&self) -> usize {
        self.state().operations
    }

    /// Lets the power go at this operation, counted from now.
    pub(super) fn cut_after(&self, operations: usize) {
        let mut state = self.state();
        state.cut_at = Some(state.operations + operations);
    }

    pub(super) fn limit(&self, capacity: Option<usize>) {
        self.state().capacity = capacity;
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.state().seen.clone()
    }

    /// What is found after a power cut: what was synced, and of the rest what `keeps` says.
    pub(super) fn survivor(&self, mut keeps: impl FnMut() -> bool) -> Self {
        let state = self.state();
        let mut bytes = state.synced.clone();
        for operation in &state.unsynced {
            if keeps() {
                operation.carry_out(&mut bytes);
            }
        }
        Self::holding(bytes)
    }

    pub(super) fn holding(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(State {
            synced: bytes.clone(),
            seen: bytes,
            ..State::default()
        })))
    }
}

impl State {
    fn powered(&mut self) -> io::Result<()> {
        self.operations += 1;
        if self.cut_at.is_some_and(|cut_at| self.operations > cut_at) {
            return Err(io::Error::other("the power is gone"));
        }
        Ok(())
    }

    fn change(&mut self, operation: Operation) -> io::Result<()> {
        self.powered()?;
        let end = match &operation {
            Operation::Write(offset, data) => offset + data.len(),
            Operation::Resize(length) => *length,
        };
        let grows = end > self.seen.len();
        if grows && self.capacity.is_some_and(|capacity| end > capacity) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        operation.carry_out(&mut self.seen);
        self.unsynced.push(operation);
        Ok(())
    }
}

fn position(offset: u64) -> usize {
    usize::try_from(offset).expect("a small file")
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state();
        let start = position(offset);
        let found = state.seen.get(start..start + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.state().change(Operation::Resize(position(length)))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state();
        state.powered()?;
        state.synced = state.seen.clone();
        state.unsynced.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.state()
            .change(Operation::Write(position(offset), data.to_vec()))
    }
}
