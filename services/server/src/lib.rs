//! The one binary: any role, several, or all in one process.
//!
//! As a library it starts the same server inside a test or a bench. Short on purpose: arguments →
//! settings → backends → each role → run. Decides nothing that a service should decide.

pub mod cli;
mod config;
mod error;
mod ports;
mod role;
mod server;
mod wiring;

pub use config::{Config, ListenConfig, PeersConfig};
pub use error::{Exit, StartError};
pub use role::Role;
pub use server::Server;
pub use xchat_runtime::{Death, lifecycle::Ended};
