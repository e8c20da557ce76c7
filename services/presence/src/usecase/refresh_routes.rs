use xchat_ports::{
    Routing,
    routing::{Refreshed, Route},
};

use crate::{
    Error,
    domain::{Bounds, check_batch, check_route},
};

/// Prolongs leases; says which another connection has taken over, and which had been lost.
pub(crate) async fn refresh_routes(
    routing: &dyn Routing,
    bounds: Bounds,
    routes: &[Route],
    lease_ms: u64,
) -> Result<Refreshed, Error> {
    check_batch(routes.len())?;
    for route in routes {
        check_route(route)?;
    }
    Ok(routing.refresh(routes, bounds.lease(lease_ms)).await?)
}
