//! Routes over presence's RPC, for roles that run apart from it.

use async_trait::async_trait;
use tonic::{Code, Status, transport::Channel};
use xchat_ports::{
    PortError, PortResult, Routing,
    routing::{Refreshed, Route},
};
use xchat_proto::{
    convert,
    presence::{
        LookupRoutesRequest, RefreshRoutesRequest, RemoveRouteRequest, Route as RouteMessage,
        SetRouteRequest, presence_service_client::PresenceServiceClient,
    },
};
use xchat_types::DeviceId;

/// Devices of one call, as presence allows.
const MAX_DEVICES: usize = 10_000;

/// A client of presence. Deadlines belong to the channel.
#[derive(Clone, Debug)]
pub struct RemoteRouting {
    client: PresenceServiceClient<Channel>,
}

impl RemoteRouting {
    pub fn new(channel: Channel) -> Self {
        Self {
            client: PresenceServiceClient::new(channel),
        }
    }
}

fn message(route: &Route) -> RouteMessage {
    RouteMessage {
        device_id: convert::id_bytes(&route.device),
        gateway: route.gateway.clone(),
        connection_id: route.connection,
    }
}

fn device(bytes: &bytes::Bytes) -> PortResult<DeviceId> {
    convert::id(bytes, "device_id").map_err(PortError::unavailable)
}

fn route(message: RouteMessage) -> PortResult<Route> {
    Ok(Route {
        device: device(&message.device_id)?,
        gateway: message.gateway,
        connection: message.connection_id,
    })
}

/// Routes are hints: whatever presence can't do now may be tried again, but for a request that it
/// will never take.
fn failure(status: Status) -> PortError {
    if status.code() == Code::InvalidArgument {
        PortError::Conflict("presence does not take this route")
    } else {
        PortError::unavailable(status)
    }
}

#[async_trait]
impl Routing for RemoteRouting {
    async fn set(&self, route: &Route, lease_ms: u64) -> PortResult<bool> {
        let request = SetRouteRequest {
            route: Some(message(route)),
            lease_ms,
        };
        let answer = self.client.clone().set_route(request).await;
        Ok(answer.map_err(failure)?.into_inner().set)
    }

    async fn refresh(&self, routes: &[Route], lease_ms: u64) -> PortResult<Refreshed> {
        let mut found = Refreshed::default();
        for part in routes.chunks(MAX_DEVICES) {
            let request = RefreshRoutesRequest {
                routes: part.iter().map(message).collect(),
                lease_ms,
            };
            let answer = self.client.clone().refresh_routes(request).await;
            let answer = answer.map_err(failure)?.into_inner();
            for bytes in &answer.lost_device_ids {
                found.taken.push(device(bytes)?);
            }
            for bytes in &answer.restored_device_ids {
                found.restored.push(device(bytes)?);
            }
        }
        Ok(found)
    }

    async fn remove(&self, route: &Route) -> PortResult<()> {
        let request = RemoveRouteRequest {
            route: Some(message(route)),
        };
        let answer = self.client.clone().remove_route(request).await;
        answer.map_err(failure)?;
        Ok(())
    }

    async fn lookup(&self, devices: &[DeviceId]) -> PortResult<Vec<Route>> {
        let mut found = Vec::new();
        for part in devices.chunks(MAX_DEVICES) {
            let request = LookupRoutesRequest {
                device_ids: part.iter().map(convert::id_bytes).collect(),
            };
            let answer = self.client.clone().lookup_routes(request).await;
            for message in answer.map_err(failure)?.into_inner().routes {
                found.push(route(message)?);
            }
        }
        Ok(found)
    }
}
