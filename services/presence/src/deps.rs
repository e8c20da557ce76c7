//! What presence is given.

use std::sync::Arc;

use xchat_ports::Routing;

/// The store of routes, with its own sense of time.
#[derive(Clone, Debug)]
pub struct Deps {
    pub routing: Arc<dyn Routing>,
}
