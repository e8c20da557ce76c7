//! Addresses of services.

use std::{fmt, net::SocketAddr, str::FromStr};

use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Serialize};
use tonic::transport::Endpoint;

/// Where a service's gRPC is: `http://host:port`, or `https://host:port` where services
/// authenticate each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(String);

impl Address {
    /// The address of a listener.
    pub fn of(listener: SocketAddr, encrypted: bool) -> Self {
        let scheme = if encrypted { ENCRYPTED } else { PLAIN };
        Self(format!("{scheme}{listener}"))
    }

    pub fn is_encrypted(&self) -> bool {
        self.0.starts_with(ENCRYPTED)
    }

    pub(super) fn host_and_port(&self) -> &str {
        let rest = self.0.strip_prefix(ENCRYPTED);
        rest.or_else(|| self.0.strip_prefix(PLAIN))
            .unwrap_or(&self.0)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const PLAIN: &str = "http://";
const ENCRYPTED: &str = "https://";

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text
            .strip_prefix(ENCRYPTED)
            .or_else(|| text.strip_prefix(PLAIN))
            .ok_or("must begin with http://, or with https:// where mtls is set")?;
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

/// Where processes are that are the same to their callers: addresses separated by commas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Addresses(Vec<Address>);

impl Addresses {
    pub fn as_slice(&self) -> &[Address] {
        &self.0
    }
}

impl From<Address> for Addresses {
    fn from(address: Address) -> Self {
        Self(vec![address])
    }
}

impl TryFrom<String> for Addresses {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let each = text.split(',').map(|part| part.trim().parse());
        each.collect::<Result<_, _>>().map(Self)
    }
}

impl From<Addresses> for String {
    fn from(addresses: Addresses) -> Self {
        let each: Vec<_> = addresses.0.iter().map(Address::as_str).collect();
        each.join(",")
    }
}

impl JsonSchema for Addresses {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Addresses".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        json_schema!({
            "type": "string",
            "x-allowed": "an address like \"http://127.0.0.1:8431\", or several, separated by commas",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_a_host_and_a_port() {
        assert!("http://127.0.0.1:8431".parse::<Address>().is_ok());
        assert!("https://[::1]:8431".parse::<Address>().is_ok());
        assert!("https://gateway-2.gateway:8434".parse::<Address>().is_ok());
        for bad in ["127.0.0.1:8431", "http://a", "http://a:x", "http://:1 2"] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }

    #[test]
    fn several_addresses_are_separated_by_commas_and_each_is_one() {
        let text = "http://a:1, http://b:2".to_owned();
        let addresses = Addresses::try_from(text).unwrap();
        assert_eq!(addresses.as_slice().len(), 2);
        assert_eq!(String::from(addresses), "http://a:1,http://b:2");
        for bad in ["", "http://a:1,", "http://a:1;http://b:2"] {
            assert!(Addresses::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
