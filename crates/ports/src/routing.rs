//! Which device is on which gateway. Hints only: losing all of them costs latency, no message.

use std::fmt;

use async_trait::async_trait;
use xchat_types::DeviceId;

use crate::PortResult;

/// A device's one connection. The connection id grows with each connection of the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub device: DeviceId,
    /// Address of the gateway's gRPC.
    pub gateway: String,
    pub connection: u64,
}

/// What a refresh found that is not as it was left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refreshed {
    /// Devices whose stored connection id is higher.
    pub taken: Vec<DeviceId>,
    /// Devices whose route was not there any more, and is again: who looked it up meanwhile did not
    /// find them.
    pub restored: Vec<DeviceId>,
}

/// Leases on routes.
#[async_trait]
pub trait Routing: Send + Sync + fmt::Debug {
    /// Sets the route unless the stored connection id is higher; `false` if it is.
    async fn set(&self, route: &Route, lease_ms: u64) -> PortResult<bool>;

    /// Prolongs leases, as if each was set again. A lower connection id, of a connection that this
    /// one replaced, gives way.
    async fn refresh(&self, routes: &[Route], lease_ms: u64) -> PortResult<Refreshed>;

    /// Removes the route if it is still this connection's.
    async fn remove(&self, route: &Route) -> PortResult<()>;

    /// Live routes of the devices that have one, in one pipelined read. Never cached by callers.
    async fn lookup(&self, devices: &[DeviceId]) -> PortResult<Vec<Route>>;
}
