//! The contract, in the process and over presence's RPC.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use tokio::{net::TcpListener, sync::Mutex, task::JoinSet};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Request, Response, Status,
    transport::{Endpoint, Server},
};
use xchat_adapter_embedded::{EmbeddedRouting, RemoteRouting};
use xchat_adapter_memory::ManualClock;
use xchat_ports::{PortError, Routing, contract::routing::Factory, routing::Route};
use xchat_proto::{
    convert,
    presence::{
        LookupRoutesRequest, LookupRoutesResponse, RefreshRoutesRequest, RefreshRoutesResponse,
        RemoveRouteRequest, RemoveRouteResponse, Route as RouteMessage, SetRouteRequest,
        SetRouteResponse,
        presence_service_server::{PresenceService, PresenceServiceServer},
    },
};
use xchat_types::DeviceId;

#[derive(Debug, Default)]
struct InProcess {
    clock: Arc<ManualClock>,
}

impl InProcess {
    fn routing(&self) -> EmbeddedRouting {
        EmbeddedRouting::new(Arc::<ManualClock>::clone(&self.clock))
    }
}

#[async_trait]
impl Factory for InProcess {
    async fn create(&self) -> Arc<dyn Routing> {
        Arc::new(self.routing())
    }

    async fn pass(&self, milliseconds: u64) {
        self.clock.advance(milliseconds);
    }
}

/// Presence reduced to its RPC.
struct Presence(EmbeddedRouting);

fn device(bytes: &bytes::Bytes) -> Result<DeviceId, Status> {
    convert::id(bytes, "device_id").map_err(|error| Status::invalid_argument(error.to_string()))
}

fn route(message: Option<RouteMessage>) -> Result<Route, Status> {
    let message = message.ok_or_else(|| Status::invalid_argument("no route"))?;
    Ok(Route {
        device: device(&message.device_id)?,
        gateway: message.gateway,
        connection: message.connection_id,
    })
}

fn failure(error: &PortError) -> Status {
    Status::unavailable(error.to_string())
}

#[tonic::async_trait]
impl PresenceService for Presence {
    async fn set_route(
        &self,
        request: Request<SetRouteRequest>,
    ) -> Result<Response<SetRouteResponse>, Status> {
        let request = request.into_inner();
        let route = route(request.route)?;
        let set = self.0.set(&route, request.lease_ms).await;
        let set = set.map_err(|error| failure(&error))?;
        Ok(Response::new(SetRouteResponse { set }))
    }

    async fn refresh_routes(
        &self,
        request: Request<RefreshRoutesRequest>,
    ) -> Result<Response<RefreshRoutesResponse>, Status> {
        let request = request.into_inner();
        let routes: Result<Vec<Route>, Status> = request
            .routes
            .into_iter()
            .map(|one| route(Some(one)))
            .collect();
        let found = self.0.refresh(&routes?, request.lease_ms).await;
        let found = found.map_err(|error| failure(&error))?;
        Ok(Response::new(RefreshRoutesResponse {
            lost_device_ids: found.taken.iter().map(convert::id_bytes).collect(),
            restored_device_ids: found.restored.iter().map(convert::id_bytes).collect(),
        }))
    }

    async fn remove_route(
        &self,
        request: Request<RemoveRouteRequest>,
    ) -> Result<Response<RemoveRouteResponse>, Status> {
        let route = route(request.into_inner().route)?;
        let removed = self.0.remove(&route).await;
        removed.map_err(|error| failure(&error))?;
        Ok(Response::new(RemoveRouteResponse {}))
    }

    async fn lookup_routes(
        &self,
        request: Request<LookupRoutesRequest>,
    ) -> Result<Response<LookupRoutesResponse>, Status> {
        let request = request.into_inner();
        let devices: Result<Vec<DeviceId>, Status> =
            request.device_ids.iter().map(device).collect();
        let found = self.0.lookup(&devices?).await;
        let found = found.map_err(|error| failure(&error))?;
        let routes = found.into_iter().map(|route| RouteMessage {
            device_id: convert::id_bytes(&route.device),
            gateway: route.gateway,
            connection_id: route.connection,
        });
        Ok(Response::new(LookupRoutesResponse {
            routes: routes.collect(),
        }))
    }
}

#[derive(Default)]
struct OverRpc {
    inner: InProcess,
    servers: Mutex<JoinSet<()>>,
}

impl fmt::Debug for OverRpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("routing over presence's RPC")
    }
}

#[async_trait]
impl Factory for OverRpc {
    async fn create(&self) -> Arc<dyn Routing> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = PresenceServiceServer::new(Presence(self.inner.routing()));
        self.servers.lock().await.spawn(async move {
            let incoming = TcpListenerStream::new(listener);
            let server = Server::builder().add_service(service);
            server.serve_with_incoming(incoming).await.unwrap();
        });
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        Arc::new(RemoteRouting::new(endpoint.connect_lazy()))
    }

    async fn pass(&self, milliseconds: u64) {
        self.inner.clock.advance(milliseconds);
    }
}

mod in_process {
    xchat_ports::routing_contract!([super::InProcess::default()]);
}
mod over_rpc {
    xchat_ports::routing_contract!([super::OverRpc::default()]);
}

#[tokio::test]
async fn presence_that_is_away_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let routing = RemoteRouting::new(endpoint.connect_lazy());
    let answer = routing.lookup(&[DeviceId::new([1; 16])]).await;
    assert!(answer.is_err_and(|error| error.is_retryable()));
}
