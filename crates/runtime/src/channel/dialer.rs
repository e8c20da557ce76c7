//! Addresses of services, and channels to those that are only known at run time.

use std::{
    collections::HashMap,
    fmt,
    net::SocketAddr,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
};

use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Serialize};
use tonic::transport::{Channel, Endpoint};

use super::remote;

/// Where a service's gRPC is: `http://host:port`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(String);

impl Address {
    pub(super) fn endpoint(&self) -> Endpoint {
        // Checked at construction; a static fallback keeps this total.
        Endpoint::from_shared(self.0.clone())
            .unwrap_or_else(|_| Endpoint::from_static("http://invalid.invalid"))
    }

    /// The address of a listener.
    pub fn of(listener: SocketAddr) -> Self {
        Self(format!("http://{listener}"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text
            .strip_prefix("http://")
            .ok_or("must begin with http:// (TLS between services comes with mTLS)")?;
        let port = rest.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
        if !matches!(port, Some(Ok(_))) {
            return Err("must end with a port, like http://127.0.0.1:8431".to_owned());
        }
        Endpoint::from_shared(text.to_owned()).map_err(|_| "is not an address".to_owned())?;
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for Address {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Address".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        json_schema!({
            "type": "string",
            "format": "uri",
            "x-allowed": "an address like \"http://127.0.0.1:8431\"",
        })
    }
}

/// Channels to gateways named by a route: one in this process under its name, others by address,
/// each connected once and kept.
#[derive(Clone, Debug, Default)]
pub struct Dialer {
    channels: Arc<Mutex<HashMap<String, Channel>>>,
}

impl Dialer {
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a name lead to a channel of this process.
    pub fn with(self, name: &str, channel: Channel) -> Self {
        self.lock().insert(name.to_owned(), channel);
        self
    }

    /// The channel to a name or an `http://` address.
    ///
    /// # Errors
    /// A sentence, when it is neither.
    pub fn dial(&self, address: &str) -> Result<Channel, String> {
        if let Some(channel) = self.lock().get(address) {
            return Ok(channel.clone());
        }
        let channel = remote(&address.parse()?);
        self.lock().insert(address.to_owned(), channel.clone());
        Ok(channel)
    }

    /// Forgets a channel, so that a gateway that is gone for good costs nothing.
    pub fn forget(&self, address: &str) {
        if address.starts_with("http://") {
            self.lock().remove(address);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Channel>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_a_host_and_a_port() {
        assert!("http://127.0.0.1:8431".parse::<Address>().is_ok());
        assert!("http://[::1]:8431".parse::<Address>().is_ok());
        for bad in [
            "127.0.0.1:8431",
            "https://a:1",
            "http://a",
            "http://a:x",
            "http://:1 2",
        ] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }
}
