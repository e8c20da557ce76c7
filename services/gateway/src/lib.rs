//! The WebSocket edge: sessions, limits, sockets.
//!
//! Owns the public listener's routes and every device's socket. Checks what comes in (session,
//! header, size, digest, rate), hands it to the service that decides, and writes what fanout
//! delivers. Holds no store; nothing that correctness needs lives here: a gateway that dies costs
//! its devices a reconnect.

pub mod config;
pub mod deps;
mod domain;
mod edge;
mod grpc;
mod http;
pub mod metrics;
mod registry;
mod socket;
mod upstream;

use std::{
    sync::{Arc, RwLock},
    time::Duration,
};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use xchat_auth::{RevocationList, revocation::RpcRevocations};
use xchat_proto::{
    common::Reason, gateway::gateway_service_server::GatewayServiceServer,
    identity::identity_service_client::IdentityServiceClient,
};
use xchat_runtime::{Drain, ServiceParts, Worker, channel::MAX_MESSAGE_BYTES, service::Callers};

pub use crate::{config::Config, deps::Deps};
use crate::{
    domain::pace::{Pace, Rate},
    edge::Edge,
    grpc::deliver::Deliver,
    registry::Registry,
    socket::lobby::Lobby,
    upstream::{
        fanout::{self, Pump},
        leases::Leases,
    },
};

/// Files that are not sockets: logs, listeners, channels to other services.
const RESERVED_FILES: u64 = 256;
const NO_LIMIT_SOCKETS: u64 = 100_000;
const AUTHORITY_REFRESH: Duration = Duration::from_mins(1);
const REVOKED_SWEEP: Duration = Duration::from_secs(1);
const PACE_SWEEP: Duration = Duration::from_mins(1);

/// Nobody but fanout puts anything before a device.
const CALLERS: &[Callers] = &[Callers {
    path: "/xchat.gateway.v1.GatewayService/",
    roles: &["fanout"],
}];

/// Wires the edge: its HTTP routes, its gRPC service, its workers and its drain.
pub fn build(config: &Config, deps: Deps) -> ServiceParts {
    let (edge, pump) = edge(config, deps);
    let deliver = Deliver {
        registry: Arc::clone(&edge.registry),
    };
    let service = GatewayServiceServer::new(deliver).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let mut parts = ServiceParts::new("gateway");
    parts.callers = CALLERS;
    parts.routes = Some(tonic::service::Routes::new(service));
    parts.http = Some(http::router(Arc::clone(&edge)));
    parts.workers = workers(&edge, pump);
    parts.drain = Some(Drain::new(move || drain(edge)));
    parts
}

fn edge(config: &Config, deps: Deps) -> (Arc<Edge>, Pump) {
    let (fanout, pump) = fanout::connect(deps.fanout);
    let source = Arc::new(RpcRevocations(deps.identity.clone().untraced()));
    let rate = |burst, interval| Rate { burst, interval };
    let edge = Edge {
        clock: Arc::clone(&deps.clock),
        rng: deps.rng,
        tasks: deps.tasks,
        revocations: Arc::new(RevocationList::new(source, deps.clock)),
        registry: Arc::new(Registry::new()),
        pace: Pace::new(
            rate(config.message_burst, config.message_interval.0),
            rate(config.handshake_burst, config.handshake_interval.0),
        ),
        fanout,
        leases: Leases::new(deps.presence, deps.address, config.lease.0),
        sockets: Arc::new(Semaphore::new(sockets(config, deps.open_files))),
        lobby: Arc::new(Lobby::new(config.sockets_before_login as usize)),
        identity: IdentityServiceClient::new(deps.identity),
        authority: RwLock::new(None),
        config: config.clone(),
    };
    (Arc::new(edge), pump)
}

fn sockets(config: &Config, open_files: Option<u64>) -> usize {
    let allowed = match (config.sockets, open_files) {
        (0, None) => NO_LIMIT_SOCKETS,
        (0, Some(files)) => files.saturating_sub(RESERVED_FILES).max(1),
        (asked, _) => u64::from(asked),
    };
    usize::try_from(allowed)
        .unwrap_or(usize::MAX)
        .min(Semaphore::MAX_PERMITS)
}

fn workers(edge: &Arc<Edge>, pump: Pump) -> Vec<Worker> {
    let [leases, authority, follow, revoked, pace] = std::array::from_fn(|_| Arc::clone(edge));
    vec![
        Worker::new("gateway-submits", |stop| async move {
            pump.run(stop).await;
            Ok(())
        }),
        Worker::new("gateway-leases", |stop| async move {
            leases.leases.keep(&leases.registry, stop).await;
            Ok(())
        }),
        Worker::new("gateway-authority", |stop| async move {
            let mut ticks = Ticks::new(AUTHORITY_REFRESH, stop);
            while ticks.next().await {
                if let Err(status) = authority.refresh_authority().await {
                    tracing::warn!(code = ?status.code(), "identity does not describe itself");
                }
            }
            Ok(())
        }),
        Worker::new("gateway-revocations", |stop| async move {
            follow.revocations.follow(stop).await;
            Ok(())
        }),
        Worker::new("gateway-revoked-sockets", |stop| async move {
            let mut ticks = Ticks::new(REVOKED_SWEEP, stop);
            while ticks.next().await {
                close_revoked(&revoked);
            }
            Ok(())
        }),
        Worker::new("gateway-pace", |stop| async move {
            let mut ticks = Ticks::new(PACE_SWEEP, stop);
            while ticks.next().await {
                pace.pace.sweep();
            }
            Ok(())
        }),
    ]
}

/// A rhythm that ends with the process.
struct Ticks {
    interval: tokio::time::Interval,
    stop: CancellationToken,
}

impl Ticks {
    fn new(period: Duration, stop: CancellationToken) -> Self {
        let mut interval = tokio::time::interval(period);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        Self { interval, stop }
    }

    /// `false` when the process stops.
    async fn next(&mut self) -> bool {
        self.stop
            .run_until_cancelled(self.interval.tick())
            .await
            .is_some()
    }
}

/// Cuts the live sockets of revoked devices; all of them while revocations are unknown for too
/// long (fail closed).
fn close_revoked(edge: &Edge) {
    for (device, _, mailbox) in edge.registry.all() {
        if let Err(refused) = edge.revocations.check(&device) {
            mailbox.close(refused.reason());
        }
    }
}

/// Tells every socket to come back later, and waits until they have been told.
async fn drain(edge: Arc<Edge>) {
    for (_, _, mailbox) in edge.registry.all() {
        mailbox.close(Reason::Draining);
    }
    while !edge.registry.all().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[cfg(test)]
mod tests;
