//! What identity is given.

use std::sync::Arc;

use xchat_auth::InstallationKeys;
use xchat_ports::{Clock, DirectoryStore, Rng};

#[derive(Clone, Debug)]
pub struct Deps {
    pub directory: Arc<dyn DirectoryStore>,
    pub keys: Arc<InstallationKeys>,
    pub clock: Arc<dyn Clock>,
    pub rng: Arc<dyn Rng>,
}
