//! All settings of a process.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use xchat_runtime::{
    Mistakes, Section,
    channel::{Address, Addresses},
    http::PublicConfig,
    lifecycle::ShutdownConfig,
    mtls::MtlsFiles,
    telemetry::{LogConfig, TelemetryConfig},
};

use crate::Role;

/// Everything that can be set. Without any of it, all roles run in one process on loopback.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the server keeps its keys and stores. By default
    /// `$XDG_DATA_HOME/xchat-server`, which is mostly `~/.local/share/xchat-server`.
    #[schemars(extend("x-allowed" = "the path of a directory"))]
    pub data_dir: Option<PathBuf>,
    pub log: LogConfig,
    pub telemetry: TelemetryConfig,
    pub public: PublicConfig,
    pub shutdown: ShutdownConfig,
    pub backends: xchat_backends::Config,
    pub listen: ListenConfig,
    pub peers: PeersConfig,
    pub mtls: MtlsFiles,
    pub presence: xchat_presence::Config,
    pub identity: xchat_identity::Config,
    pub fanout: xchat_fanout::Config,
    pub gateway: xchat_gateway::Config,
}

impl Section for Config {
    const NAME: &'static str = "";

    fn check(&self, mistakes: &mut Mistakes) {
        mistakes.check(&self.log);
        mistakes.check(&self.telemetry);
        mistakes.check(&self.public);
        mistakes.check(&self.shutdown);
        mistakes.check(&self.backends);
        mistakes.check(&self.listen);
        mistakes.check(&self.peers);
        mistakes.check(&self.mtls);
        self.check_doors(mistakes);
        mistakes.check(&self.presence);
        mistakes.check(&self.identity);
        mistakes.check(&self.fanout);
        mistakes.check(&self.gateway);
    }
}

impl Config {
    /// Services that others can reach authenticate each other.
    fn check_doors(&self, mistakes: &mut Mistakes) {
        let open = |role: &Role| !self.listen.of(*role).ip().is_loopback();
        for role in Role::ALL.iter().filter(|role| open(role)) {
            if !self.mtls.is_on() {
                let what = "others can reach this address, and services do not authenticate each \
                            other: set mtls.ca_file, mtls.cert_file and mtls.key_file, or listen \
                            on loopback";
                mistakes.add(&format!("listen.{role}"), what);
            }
        }
        let collector = self.telemetry.endpoint.as_ref();
        if collector.is_some_and(Address::is_encrypted) && !self.mtls.is_on() {
            let what = "https:// needs mtls.ca_file, mtls.cert_file and mtls.key_file";
            mistakes.add("telemetry.endpoint", what);
        }
        for role in [Role::Identity, Role::Fanout, Role::Presence] {
            let addresses = self.peers.of(role).as_slice();
            if addresses
                .iter()
                .any(|one| one.is_encrypted() != self.mtls.is_on())
            {
                let what = if self.mtls.is_on() {
                    "services have certificates (mtls): each address must begin with https://"
                } else {
                    "https:// needs mtls.ca_file, mtls.cert_file and mtls.key_file"
                };
                mistakes.add(&format!("peers.{role}"), what);
            }
        }
    }
}

/// Where a role's gRPC listens, when not all roles are in this process. Addresses that others can
/// reach need `mtls`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListenConfig {
    /// Of identity.
    #[schemars(extend("x-allowed" = "an address with a port like \"127.0.0.1:8431\""))]
    pub identity: SocketAddr,
    /// Of fanout.
    #[schemars(extend("x-allowed" = "an address with a port like \"127.0.0.1:8432\""))]
    pub fanout: SocketAddr,
    /// Of presence.
    #[schemars(extend("x-allowed" = "an address with a port like \"127.0.0.1:8433\""))]
    pub presence: SocketAddr,
    /// Of gateway: fanout delivers here.
    #[schemars(extend("x-allowed" = "an address with a port like \"127.0.0.1:8434\""))]
    pub gateway: SocketAddr,
}

const PORTS: [(Role, u16); 4] = [
    (Role::Identity, 8_431),
    (Role::Fanout, 8_432),
    (Role::Presence, 8_433),
    (Role::Gateway, 8_434),
];

impl Default for ListenConfig {
    fn default() -> Self {
        let [identity, fanout, presence, gateway] =
            PORTS.map(|(_, port)| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        Self {
            identity,
            fanout,
            presence,
            gateway,
        }
    }
}

impl ListenConfig {
    pub(crate) fn of(&self, role: Role) -> SocketAddr {
        match role {
            Role::Identity => self.identity,
            Role::Fanout => self.fanout,
            Role::Presence => self.presence,
            Role::Gateway => self.gateway,
        }
    }
}

impl Section for ListenConfig {
    const NAME: &'static str = "listen";
}

/// Where roles of other processes are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PeersConfig {
    /// The gRPC of identity.
    pub identity: Addresses,
    /// The gRPC of fanout.
    pub fanout: Addresses,
    /// The gRPC of presence.
    pub presence: Addresses,
}

impl PeersConfig {
    /// Of a role that others call by its name; gateways are found by their routes.
    pub(crate) fn of(&self, role: Role) -> &Addresses {
        match role {
            Role::Identity => &self.identity,
            Role::Fanout | Role::Gateway => &self.fanout,
            Role::Presence => &self.presence,
        }
    }
}

impl Default for PeersConfig {
    fn default() -> Self {
        let listen = ListenConfig::default();
        Self {
            identity: Address::of(listen.identity, false).into(),
            fanout: Address::of(listen.fanout, false).into(),
            presence: Address::of(listen.presence, false).into(),
        }
    }
}

impl Section for PeersConfig {
    const NAME: &'static str = "peers";
}
