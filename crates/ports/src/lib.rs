//! Object-safe ports between domain code and engines, with clock and randomness.
//!
//! A port lives only with two adapters that pass its contract suite (`contract`, behind a
//! feature); its methods arrive with their callers. Names never carry a technology.

pub mod ambient;
#[cfg(feature = "contract")]
pub mod contract;
pub mod directory_store;
pub mod error;
pub mod event_log;
pub mod message_store;
pub mod routing;
pub mod trace;

pub use ambient::{Clock, Rng};
pub use directory_store::DirectoryStore;
pub use error::{PortError, PortResult};
pub use event_log::EventLog;
pub use message_store::MessageStore;
pub use routing::Routing;
pub use trace::TraceContext;
