//! Routes of this gateway's sockets at presence: set at resume, refreshed in batches, removed at
//! the end. A socket whose lease was taken over is closed.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use xchat_proto::{
    convert::{self, id_bytes},
    presence::{
        RefreshRoutesRequest, RemoveRouteRequest, Route, SetRouteRequest,
        presence_service_client::PresenceServiceClient,
    },
};
use xchat_runtime::channel::Channel;
use xchat_types::{DeviceId, Millis};

use crate::{registry::Registry, socket::mailbox::Mailbox};

const BATCH: usize = 1_000;
/// Sockets of which nobody knows whether they have their route try again so often.
const UNSURE_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Leases {
    presence: PresenceServiceClient<Channel>,
    address: String,
    lease: Duration,
    last_connection: AtomicU64,
}

impl Leases {
    pub(crate) fn new(channel: Channel, address: String, lease: Duration) -> Self {
        Self {
            presence: PresenceServiceClient::new(channel),
            address,
            lease,
            last_connection: AtomicU64::new(0),
        }
    }

    /// A connection id above all earlier ones of this process, and, as far as clocks agree, of
    /// all gateways: milliseconds with room for 4,096 connections each.
    pub(crate) fn next_connection(&self, now: Millis) -> u64 {
        let wall = now.0 << 12;
        let next = |last: u64| Some(wall.max(last + 1));
        match self
            .last_connection
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next)
        {
            Ok(last) | Err(last) => wall.max(last + 1),
        }
    }

    /// A socket took this id for a resume; those that are opened from now on are above it.
    pub(crate) fn renewed(&self, connection: u64) {
        self.last_connection
            .fetch_max(connection, Ordering::Relaxed);
    }

    fn lease_ms(&self) -> u64 {
        u64::try_from(self.lease.as_millis()).unwrap_or(u64::MAX)
    }

    fn route(&self, device: DeviceId, connection: u64) -> Route {
        Route {
            device_id: id_bytes(&device),
            gateway: self.address.clone(),
            connection_id: connection,
        }
    }

    /// `false`: a newer connection of the device holds the route.
    pub(crate) async fn set(&self, device: DeviceId, connection: u64) -> Result<bool, Status> {
        let route = Some(self.route(device, connection));
        let request = SetRouteRequest {
            route,
            lease_ms: self.lease_ms(),
        };
        Ok(self
            .presence
            .clone()
            .set_route(request)
            .await?
            .into_inner()
            .set)
    }

    /// Best effort: a route that stays runs out by itself.
    pub(crate) async fn remove(&self, device: DeviceId, connection: u64) {
        let request = RemoveRouteRequest {
            route: Some(self.route(device, connection)),
        };
        if let Err(status) = self.presence.clone().remove_route(request).await {
            tracing::debug!(code = ?status.code(), "route not removed, it will run out");
        }
    }

    /// Refreshes all leases three times in the life of one, and those in doubt at once, until
    /// stopped.
    pub(crate) async fn keep(&self, registry: &Registry, stop: CancellationToken) {
        let every = (self.lease / 3).max(Duration::from_millis(10));
        let mut tick = tokio::time::interval(every.min(UNSURE_EVERY));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut all_at = Instant::now();
        let mut failing = false;
        while stop.run_until_cancelled(tick.tick()).await.is_some() {
            let mut sockets = registry.all();
            if Instant::now() < all_at {
                sockets.retain(|(_, _, mailbox)| mailbox.is_unsure());
            } else {
                all_at = Instant::now() + every;
            }
            for batch in sockets.chunks(BATCH) {
                let refreshed = self.refresh(registry, batch).await;
                match &refreshed {
                    Err(status) if !failing => {
                        tracing::warn!(code = ?status.code(), "leases not refreshed, trying again");
                    }
                    Ok(()) if failing => tracing::info!("leases are refreshed again"),
                    Ok(()) | Err(_) => {}
                }
                failing = refreshed.is_err();
            }
        }
    }

    async fn refresh(
        &self,
        registry: &Registry,
        batch: &[(DeviceId, u64, Arc<Mailbox>)],
    ) -> Result<(), Status> {
        let routes = batch
            .iter()
            .filter(|(_, _, mailbox)| mailbox.wants_route())
            .map(|(device, connection, _)| self.route(*device, *connection))
            .collect::<Vec<_>>();
        if routes.is_empty() {
            return Ok(());
        }
        let asked = devices(routes.iter().map(|route| &route.device_id));
        let request = RefreshRoutesRequest {
            routes,
            lease_ms: self.lease_ms(),
        };
        let found = match self.presence.clone().refresh_routes(request).await {
            Ok(reply) => reply.into_inner(),
            Err(status) => {
                for (_, _, mailbox) in batch {
                    mailbox.doubt_route();
                }
                return Err(status);
            }
        };
        let lost = devices(&found.lost_device_ids);
        let restored = devices(&found.restored_device_ids);
        for (device, connection, mailbox) in batch {
            if lost.contains(device) {
                registry.replace(*device, *connection);
            } else if asked.contains(device) {
                mailbox.route_is_kept(restored.contains(device));
            }
        }
        Ok(())
    }
}

fn devices<'a>(ids: impl IntoIterator<Item = &'a Bytes>) -> HashSet<DeviceId> {
    let ids = ids.into_iter();
    ids.filter_map(|bytes| convert::id(bytes, "device_id").ok())
        .collect()
}
