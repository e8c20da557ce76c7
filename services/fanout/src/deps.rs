//! What fanout is given.

use std::sync::Arc;

use xchat_ports::{Clock, EventLog, MessageStore, Routing};
use xchat_runtime::{Tasks, channel::Dialer};
use zeroize::Zeroizing;

/// Keyed, so that nobody can aim conversations at one partition.
pub type PartitionKey = Zeroizing<[u8; 32]>;

/// Engines, and the ways to the gateways.
#[derive(Clone)]
pub struct Deps {
    /// The envelope log, which only fanout touches.
    pub log: Arc<dyn EventLog>,
    /// The message store, which only fanout touches.
    pub store: Arc<dyn MessageStore>,
    pub routing: Arc<dyn Routing>,
    pub clock: Arc<dyn Clock>,
    /// Spreads conversations over partitions; fixed at installation.
    pub partition_key: PartitionKey,
    /// Leads from a route's gateway address to its gRPC.
    pub gateways: Dialer,
    pub tasks: Tasks,
}

impl std::fmt::Debug for Deps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deps")
            .field("log", &self.log)
            .field("store", &self.store)
            .field("routing", &self.routing)
            .finish_non_exhaustive()
    }
}
