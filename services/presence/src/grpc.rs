//! `xchat.presence.v1`: decode, use case, encode.

use std::sync::Arc;

use bytes::Bytes;
use tonic::{Request, Response, Status, async_trait};
use xchat_ports::{Routing, routing::Route};
use xchat_proto::{
    ConvertError, Required,
    convert::{id, id_bytes},
    presence::{self, presence_service_server::PresenceService},
};
use xchat_runtime::status::to_status;
use xchat_types::DeviceId;

use crate::{
    Error,
    domain::Bounds,
    metrics::{LookedUp, Refreshed, Set, metrics},
    usecase,
};

/// The service, over the port of routes.
#[derive(Debug)]
pub(crate) struct Presence {
    bounds: Bounds,
    routing: Arc<dyn Routing>,
}

impl Presence {
    pub(crate) fn new(bounds: Bounds, routing: Arc<dyn Routing>) -> Self {
        Self { bounds, routing }
    }
}

#[async_trait]
impl PresenceService for Presence {
    async fn set_route(
        &self,
        request: Request<presence::SetRouteRequest>,
    ) -> Result<Response<presence::SetRouteResponse>, Status> {
        let presence::SetRouteRequest { route, lease_ms } = request.into_inner();
        let route = required_route(route).map_err(|error| to_status(&error))?;
        let set = usecase::set_route(&*self.routing, self.bounds, &route, lease_ms).await;
        answer(set, |set| {
            let result = if set { Set::Set } else { Set::Superseded };
            metrics().set.one(result);
            presence::SetRouteResponse { set }
        })
    }

    async fn refresh_routes(
        &self,
        request: Request<presence::RefreshRoutesRequest>,
    ) -> Result<Response<presence::RefreshRoutesResponse>, Status> {
        let presence::RefreshRoutesRequest { routes, lease_ms } = request.into_inner();
        let routes = many(routes, decode_route).map_err(|error| to_status(&error))?;
        let found = usecase::refresh_routes(&*self.routing, self.bounds, &routes, lease_ms).await;
        answer(found, |found| {
            let (taken, restored) = (found.taken.len(), found.restored.len());
            let kept = routes.len().saturating_sub(taken + restored);
            metrics().refreshed.add(kept, Refreshed::Kept);
            metrics().refreshed.add(restored, Refreshed::Restored);
            metrics().refreshed.add(taken, Refreshed::Lost);
            presence::RefreshRoutesResponse {
                lost_device_ids: found.taken.iter().map(id_bytes).collect(),
                restored_device_ids: found.restored.iter().map(id_bytes).collect(),
            }
        })
    }

    async fn remove_route(
        &self,
        request: Request<presence::RemoveRouteRequest>,
    ) -> Result<Response<presence::RemoveRouteResponse>, Status> {
        let route = required_route(request.into_inner().route);
        let route = route.map_err(|error| to_status(&error))?;
        let removed = usecase::remove_route(&*self.routing, &route).await;
        answer(removed, |()| presence::RemoveRouteResponse {})
    }

    async fn lookup_routes(
        &self,
        request: Request<presence::LookupRoutesRequest>,
    ) -> Result<Response<presence::LookupRoutesResponse>, Status> {
        let devices = many(request.into_inner().device_ids, |id| decode_device(&id));
        let devices = devices.map_err(|error| to_status(&error))?;
        let routes = usecase::lookup_routes(&*self.routing, &devices).await;
        answer(routes, |routes| {
            let absent = devices.len().saturating_sub(routes.len());
            metrics().looked_up.add(routes.len(), LookedUp::Found);
            metrics().looked_up.add(absent, LookedUp::Absent);
            presence::LookupRoutesResponse {
                routes: routes.into_iter().map(encode_route).collect(),
            }
        })
    }
}

fn answer<T, M>(
    result: Result<T, Error>,
    encode: impl FnOnce(T) -> M,
) -> Result<Response<M>, Status> {
    match result {
        Ok(value) => Ok(Response::new(encode(value))),
        Err(error) => Err(to_status(&error)),
    }
}

fn many<M, T>(
    messages: Vec<M>,
    decode: impl Fn(M) -> Result<T, ConvertError>,
) -> Result<Vec<T>, Error> {
    let decoded: Result<_, _> = messages.into_iter().map(decode).collect();
    Ok(decoded?)
}

fn required_route(route: Option<presence::Route>) -> Result<Route, Error> {
    Ok(decode_route(route.required("route")?)?)
}

fn decode_device(bytes: &Bytes) -> Result<DeviceId, ConvertError> {
    id(bytes, "device_id")
}

fn decode_route(route: presence::Route) -> Result<Route, ConvertError> {
    Ok(Route {
        device: decode_device(&route.device_id)?,
        gateway: route.gateway,
        connection: route.connection_id,
    })
}

fn encode_route(route: Route) -> presence::Route {
    presence::Route {
        device_id: id_bytes(&route.device),
        gateway: route.gateway,
        connection_id: route.connection,
    }
}
