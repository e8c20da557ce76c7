//! The message and directory stores on ScyllaDB or Apache Cassandra, in the CQL both have.
//!
//! QUORUM both ways; the fold's stamps and the sequences of marks and cursors are write
//! timestamps, so replays and zombies change nothing. Lightweight transactions are used only where
//! the directory compares and sets; an outcome they leave unknown is read back at SERIAL.
//! The schema stands in `infra/scylla/` and is applied by [`Migrator`]; stores refuse another one.

mod cas;
mod cluster;
mod directory_store;
mod error;
mod message_store;
mod migrator;
mod options;
mod retry;
mod time_to_live;

pub use directory_store::ScyllaDirectoryStore;
pub use error::{OpenError, Unresolved};
pub use message_store::ScyllaMessageStore;
pub use migrator::{Applied, Migration, Migrator, SCHEMA_VERSION};
pub use options::ScyllaOptions;
