//! From the configuration to the chosen adapters: the only crate that names them all.
//!
//! A store is opened by the role that owns it, when that role is built, and by nobody else: an
//! embedded store has one owning process. Engines other than the embedded ones are features of the
//! build.

pub mod config;
mod error;
mod metered;
pub mod metrics;
mod open;

pub use config::Config;
pub use error::{Error, Trouble};
pub use open::{Backends, Envelopes, is_used};
