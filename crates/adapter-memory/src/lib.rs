//! Deterministic in-memory adapters, nastier than the engines.
//!
//! They are the fakes that domain code and services are tested on. Under [`Faults::none`] they
//! behave like a healthy engine; under [`Faults::nasty`] they do, from one seed, what engines are
//! allowed to do and rarely do: position gaps, duplicates after unknown outcomes, pages of one,
//! batches torn as read repair tears them, acknowledged rows lost until they are written again.
//! A test prints its seed, and the same seed and order of calls give the same answers.

pub mod ambient;
pub mod directory_store;
pub mod event_log;
pub mod faults;
pub mod message_store;
pub mod routing;

pub use ambient::{ManualClock, SeededRng};
pub use directory_store::MemoryDirectoryStore;
pub use event_log::MemoryEventLog;
pub use faults::Faults;
pub use message_store::{CellKey, MemoryMessageStore};
pub use routing::MemoryRouting;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also after a panic elsewhere: a failed assertion must not hide behind a poisoned lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
