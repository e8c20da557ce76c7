//! Each role from its section, its stores and its channels.

use std::sync::Arc;

use xchat_runtime::{
    ServiceParts,
    channel::{Address, Dialer, Remote},
};

use super::Context;
use crate::{Exit, Role, StartError};

/// The gateway's address in routes, when fanout is in the same process.
const HERE: &str = "in-process";

impl Context<'_> {
    pub(super) async fn build(&mut self, role: Role) -> Result<ServiceParts, StartError> {
        match role {
            Role::Presence => self.presence(),
            Role::Identity => self.identity().await,
            Role::Fanout => self.fanout().await,
            Role::Gateway => Ok(self.gateway()),
        }
    }

    fn presence(&self) -> Result<ServiceParts, StartError> {
        let deps = xchat_presence::Deps {
            routing: self.backends.routing()?,
        };
        Ok(xchat_presence::build(&self.config.presence, deps))
    }

    async fn identity(&mut self) -> Result<ServiceParts, StartError> {
        let keys = self.keys()?;
        let deps = xchat_identity::Deps {
            directory: self.backends.directory().await?,
            keys,
            clock: Arc::clone(&self.clock),
            rng: Arc::clone(&self.rng),
        };
        xchat_identity::build(&self.config.identity, deps)
            .map_err(|error| StartError::new("keys_unusable", Exit::Data, error.to_string(), ""))
    }

    async fn fanout(&mut self) -> Result<ServiceParts, StartError> {
        let partition_key = self.keys()?.partition_key();
        let envelopes = self.backends.envelopes().await?;
        let mut gateways = Dialer::new(Remote {
            role: Role::Gateway.name(),
            mtls: self.mtls.clone(),
        });
        if let Some(gateway) = &self.channels.gateway {
            gateways = gateways.with(HERE, gateway.clone());
        }
        let deps = xchat_fanout::Deps {
            log: envelopes.log,
            store: envelopes.store,
            routing: self.backends.routing_of(self.channels.presence.clone())?,
            gateways,
            partition_key,
            clock: Arc::clone(&self.clock),
            tasks: self.tasks.clone(),
        };
        Ok(xchat_fanout::build(&self.config.fanout, deps))
    }

    fn gateway(&self) -> ServiceParts {
        let address = match self.addresses.grpc.get(&Role::Gateway) {
            Some(listener) => Address::of(*listener, self.mtls.is_some()).to_string(),
            None => HERE.to_owned(),
        };
        let deps = xchat_gateway::Deps {
            identity: self.channels.identity.clone(),
            fanout: self.channels.fanout.clone(),
            presence: self.channels.presence.clone(),
            clock: Arc::clone(&self.clock),
            rng: Arc::clone(&self.rng),
            tasks: self.tasks.clone(),
            address,
            open_files: self.open_files,
        };
        xchat_gateway::build(&self.config.gateway, deps)
    }
}
