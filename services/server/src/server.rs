//! A running server.

use std::net::SocketAddr;

use xchat_backends::Backends;
use xchat_runtime::{
    Death,
    lifecycle::{Ended, Running},
};

use crate::{
    Config, Exit, Role, StartError,
    ports::Addresses,
    wiring::{self, Prepared},
};

/// One process's worth of server: what the binary runs, in the hands of a test or a bench.
#[derive(Debug)]
pub struct Server {
    running: Running,
    backends: Backends,
    addresses: Addresses,
}

impl Server {
    /// Starts the roles and waits until all can serve.
    ///
    /// # Errors
    /// What the binary would print.
    pub async fn start(config: Config, roles: &[Role]) -> Result<Self, StartError> {
        let Prepared {
            plan,
            backends,
            addresses,
        } = wiring::prepare(&config, roles, wiring::mtls(&config)?).await?;
        let server = Self {
            running: plan.start(),
            backends,
            addresses,
        };
        if server.running.ready().await {
            return Ok(server);
        }
        match server.stop().await {
            Err(death) => Err(death.into()),
            Ok(_) => Err(StartError::new(
                "stopped",
                Exit::Unavailable,
                "the server was stopped before it was ready",
                "",
            )),
        }
    }

    /// Where devices connect, if gateway is one of the roles.
    pub fn public_address(&self) -> Option<SocketAddr> {
        self.addresses.public
    }

    /// Where other processes reach a role, unless all roles are in this one.
    pub fn grpc_address(&self, role: Role) -> Option<SocketAddr> {
        self.addresses.grpc.get(&role).copied()
    }

    /// Drains and stops; ports, locks and stores are free when it returns.
    ///
    /// # Errors
    /// The first task that died, if one did.
    pub async fn stop(self) -> Result<Ended, Death> {
        let ended = self.running.stop().await;
        self.backends.close().await;
        ended
    }

    /// Drops everything where it stands, as a crash would; ports, locks and stores are free when
    /// it returns.
    pub async fn kill(self) {
        self.running.kill().await;
        self.backends.close().await;
    }
}
