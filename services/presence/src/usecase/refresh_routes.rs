use xchat_ports::{Routing, routing::Route};
use xchat_types::DeviceId;

use crate::{
    Error,
    domain::{Bounds, check_batch, check_route},
};

/// Prolongs leases; returns the devices that another connection has taken over.
pub(crate) async fn refresh_routes(
    routing: &dyn Routing,
    bounds: Bounds,
    routes: &[Route],
    lease_ms: u64,
) -> Result<Vec<DeviceId>, Error> {
    check_batch(routes.len())?;
    for route in routes {
        check_route(route)?;
    }
    Ok(routing.refresh(routes, bounds.lease(lease_ms)).await?)
}
