//! Accounts, devices, logins, names, key packages.
//!
//! Owns the directory store. Holds no state that correctness needs in memory, so any number of
//! processes may serve one directory; only the rate limits are kept here, and each process counts
//! for itself. Never stores a username, a token or a nonce: names are kept as keyed hashes, and
//! tokens and nonces are recognised by their MAC.

pub mod config;
pub mod deps;
mod domain;
mod error;
mod grpc;
pub mod invite;
mod limiter;
pub mod metrics;
mod service;
mod usecase;

use std::sync::Arc;

use xchat_runtime::{ServiceParts, service::Callers};

pub use config::Config;
pub use deps::Deps;
pub use service::BuildError;

/// Role name.
pub const NAME: &str = "identity";

/// Devices speak through gateways.
const CALLERS: &[Callers] = &[Callers {
    path: "/xchat.identity.v1.IdentityService/",
    roles: &["gateway"],
}];

/// Wires the service. Nothing runs and nothing is read before it is started.
pub fn build(config: &Config, deps: Deps) -> Result<ServiceParts, BuildError> {
    let service = Arc::new(service::Identity::new(config, deps)?);
    let mut parts = ServiceParts::new(NAME);
    parts.callers = CALLERS;
    parts.routes = Some(grpc::routes(service));
    Ok(parts)
}
