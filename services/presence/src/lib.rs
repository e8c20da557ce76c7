//! Leases: which device is on which gateway.
//!
//! The only writer of routes. A route is a hint: losing all of them costs latency and no message,
//! for a device that reconnects reads its marks. Must never be asked who is online by anyone but
//! gateway and fanout.

pub mod config;
mod deps;
mod domain;
mod error;
mod grpc;
pub mod metrics;
mod usecase;

use xchat_proto::presence::presence_service_server::PresenceServiceServer;
use xchat_runtime::{ServiceParts, channel::MAX_MESSAGE_BYTES, service::Callers};

pub use config::Config;
pub use deps::Deps;
pub use error::Error;

/// Name of the role.
pub const NAME: &str = "presence";

/// Only gateways know who connects; only fanout has something to bring.
const CALLERS: &[Callers] = &[
    Callers {
        path: "/xchat.presence.v1.PresenceService/LookupRoutes",
        roles: &["fanout"],
    },
    Callers {
        path: "/xchat.presence.v1.PresenceService/SetRoute",
        roles: &["gateway"],
    },
    Callers {
        path: "/xchat.presence.v1.PresenceService/RefreshRoutes",
        roles: &["gateway"],
    },
    Callers {
        path: "/xchat.presence.v1.PresenceService/RemoveRoute",
        roles: &["gateway"],
    },
];

/// Wires the service; it has no workers and holds no state of its own.
pub fn build(config: &Config, deps: Deps) -> ServiceParts {
    let service = grpc::Presence::new(config.bounds(), deps.routing);
    let server = PresenceServiceServer::new(service).max_decoding_message_size(MAX_MESSAGE_BYTES);
    ServiceParts {
        routes: Some(tonic::service::Routes::new(server)),
        callers: CALLERS,
        ..ServiceParts::new(NAME)
    }
}
