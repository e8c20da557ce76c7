//! `[public]`: where people's devices connect.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tls;
use crate::{Mistakes, Section};

/// Port of the public listener.
const PORT: u16 = 8420;

/// Where people's devices connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PublicConfig {
    /// Address and port to listen on. An address that others can reach needs `public.tls` or
    /// `behind_proxy`.
    #[schemars(extend("x-allowed" = "an address with a port like \"127.0.0.1:8420\""))]
    pub listen: SocketAddr,
    /// A reverse proxy in front of this server does TLS: plain connections are then accepted on
    /// any address.
    pub behind_proxy: bool,
    /// Certificate and key, when this server does TLS itself.
    pub tls: TlsFiles,
}

/// Certificate and key, when this server does TLS itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TlsFiles {
    /// Certificate chain in PEM, the server's own first.
    #[schemars(extend("x-allowed" = "the path of a PEM file"))]
    pub cert_file: Option<PathBuf>,
    /// Private key in PEM.
    #[schemars(extend("x-allowed" = "the path of a PEM file"))]
    pub key_file: Option<PathBuf>,
}

impl Default for PublicConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)),
            behind_proxy: false,
            tls: TlsFiles::default(),
        }
    }
}

impl Section for PublicConfig {
    const NAME: &'static str = "public";

    fn check(&self, mistakes: &mut Mistakes) {
        match (&self.tls.cert_file, &self.tls.key_file) {
            (Some(_), None) => mistakes.add("tls.key_file", "is missing beside cert_file"),
            (None, Some(_)) => mistakes.add("tls.cert_file", "is missing beside key_file"),
            (None, None) if !self.listen.ip().is_loopback() && !self.behind_proxy => mistakes.add(
                "listen",
                "others can reach this address, and without TLS they could read logins on the \
                 way: set public.tls.cert_file and public.tls.key_file, or public.behind_proxy \
                 = true when a proxy in front does TLS",
            ),
            (Some(_), Some(_)) => tls::check(&self.tls, mistakes),
            (None, None) => {}
        }
    }
}
