use xchat_ports::{Routing, routing::Route};

use crate::{Error, domain::check_route};

/// Removes a route if it still is this connection's.
pub(crate) async fn remove_route(routing: &dyn Routing, route: &Route) -> Result<(), Error> {
    check_route(route)?;
    Ok(routing.remove(route).await?)
}
