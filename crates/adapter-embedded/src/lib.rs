//! The household's engines: segment log, fjall stores, in-process and remote routing.
//!
//! One process owns each folder. Everything a caller is told to be durable has been synced, or is
//! done again from the log: the message store acknowledges before it syncs, and the log keeps what
//! the store has not synced. Opening refuses damaged data and says where it is; it never returns
//! less than was acknowledged without saying so.

mod checkpoints;
mod directory_store;
mod engine;
mod error;
mod event_log;
mod expiry;
mod group_sync;
mod lane;
mod lock;
mod message_store;
mod remote_routing;
mod routing;

pub use checkpoints::Checkpoints;
pub use directory_store::EmbeddedDirectoryStore;
#[cfg(feature = "faults")]
pub use engine::SyncHook;
pub use error::OpenError;
#[cfg(feature = "faults")]
pub use event_log::faults;
pub use event_log::{Cut, Disk, DiskFile, EmbeddedEventLog, LogOptions, SystemDisk};
pub use message_store::EmbeddedMessageStore;
pub use remote_routing::RemoteRouting;
pub use routing::EmbeddedRouting;
