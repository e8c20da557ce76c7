//! What the gateway is given.

use std::sync::Arc;

use xchat_ports::{Clock, Rng};
use xchat_runtime::{channel::Channel, tasks::Tasks};

/// Channels to the services behind the edge, and the ambient sources.
#[derive(Clone, Debug)]
pub struct Deps {
    pub identity: Channel,
    pub fanout: Channel,
    pub presence: Channel,
    pub clock: Arc<dyn Clock>,
    pub rng: Arc<dyn Rng>,
    pub tasks: Tasks,
    /// Address under which fanout reaches this gateway's gRPC: its routes carry it.
    pub address: String,
    /// Open files that this process may hold, if there is a limit: each socket is one.
    pub open_files: Option<u64>,
}
