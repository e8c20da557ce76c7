//! Routes.

use async_trait::async_trait;
use xchat_ports::{
    PortResult, Routing,
    routing::{Refreshed, Route},
};
use xchat_types::DeviceId;

use super::{Metered, timed};
use crate::metrics::Call;

#[async_trait]
impl Routing for Metered<dyn Routing> {
    async fn set(&self, route: &Route, lease_ms: u64) -> PortResult<bool> {
        timed(Call::RoutesSet, self.0.set(route, lease_ms)).await
    }

    async fn refresh(&self, routes: &[Route], lease_ms: u64) -> PortResult<Refreshed> {
        timed(Call::RoutesRefresh, self.0.refresh(routes, lease_ms)).await
    }

    async fn remove(&self, route: &Route) -> PortResult<()> {
        timed(Call::RoutesRemove, self.0.remove(route)).await
    }

    async fn lookup(&self, devices: &[DeviceId]) -> PortResult<Vec<Route>> {
        timed(Call::RoutesLookup, self.0.lookup(devices)).await
    }
}
