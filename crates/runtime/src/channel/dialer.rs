//! Channels to gateways, which are only known at run time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Address, Channel, Remote};

/// Channels to gateways named by a route: one in this process under its name, others by address,
/// each connected once and kept.
#[derive(Clone, Debug)]
pub struct Dialer {
    remote: Remote,
    channels: Arc<Mutex<HashMap<String, Channel>>>,
}

impl Dialer {
    pub fn new(remote: Remote) -> Self {
        Self {
            remote,
            channels: Arc::default(),
        }
    }

    /// Makes a name lead to a channel of this process.
    pub fn with(self, name: &str, channel: Channel) -> Self {
        self.lock().insert(name.to_owned(), channel);
        self
    }

    /// The channel to a name or an address.
    ///
    /// # Errors
    /// A sentence, when it is neither.
    pub fn dial(&self, address: &str) -> Result<Channel, String> {
        if let Some(channel) = self.lock().get(address) {
            return Ok(channel.clone());
        }
        let channel = self.remote.channel(&[address.parse()?]);
        self.lock().insert(address.to_owned(), channel.clone());
        Ok(channel)
    }

    /// Forgets a channel, so that a gateway that is gone for good costs nothing.
    pub fn forget(&self, address: &str) {
        if address.parse::<Address>().is_ok() {
            self.lock().remove(address);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Channel>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
