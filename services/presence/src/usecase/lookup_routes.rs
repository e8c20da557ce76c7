use xchat_ports::{Routing, routing::Route};
use xchat_types::DeviceId;

use crate::{Error, domain::check_batch};

/// Reads the live routes of devices, from the store each time.
pub(crate) async fn lookup_routes(
    routing: &dyn Routing,
    devices: &[DeviceId],
) -> Result<Vec<Route>, Error> {
    check_batch(devices.len())?;
    Ok(routing.lookup(devices).await?)
}
