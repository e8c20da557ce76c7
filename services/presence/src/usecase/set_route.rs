use xchat_ports::{Routing, routing::Route};

use crate::{
    Error,
    domain::{Bounds, check_route},
};

/// Makes a connection its device's one route, unless a later connection already is; `false` then.
pub(crate) async fn set_route(
    routing: &dyn Routing,
    bounds: Bounds,
    route: &Route,
    lease_ms: u64,
) -> Result<bool, Error> {
    check_route(route)?;
    Ok(routing.set(route, bounds.lease(lease_ms)).await?)
}
