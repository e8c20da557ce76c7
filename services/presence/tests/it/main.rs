//! Presence over real gRPC in process.

#![allow(clippy::unwrap_used, reason = "test code")]

mod leases;
mod refusals;

use std::sync::Arc;

use bytes::Bytes;
use xchat_adapter_memory::{ManualClock, MemoryRouting};
use xchat_ports::Clock;
use xchat_presence::{Config, Deps, build};
use xchat_proto::presence::{self, presence_service_client::PresenceServiceClient};
use xchat_runtime::{Tasks, channel};

type Client = PresenceServiceClient<channel::Channel>;

/// A service over a fresh store, and the clock that its leases run by.
fn serve() -> (Client, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::default());
    let as_port: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
    let routing = Arc::new(MemoryRouting::new(as_port));
    let parts = build(&Config::default(), Deps { routing });
    let routes = parts.routes.unwrap_or_default();
    let channel = channel::in_process("presence", routes, &Tasks::new());
    (Client::new(channel), clock)
}

fn route(device: u8, connection_id: u64) -> presence::Route {
    presence::Route {
        device_id: Bytes::from(vec![device; 16]),
        gateway: "http://127.0.0.1:8434".to_owned(),
        connection_id,
    }
}
