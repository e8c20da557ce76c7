//! Each role from its section, its stores and its channels.

use std::sync::Arc;

use xchat_runtime::{
    ServiceParts,
    channel::{Address, Dialer},
};

use super::Context;
use crate::{Exit, Role, StartError};

/// The gateway's address in routes, when fanout is in the same process.
const HERE: &str = "in-process";

impl Context<'_> {
    pub(super) fn build(&mut self, role: Role) -> Result<ServiceParts, StartError> {
        match role {
            Role::Presence => Ok(self.presence()),
            Role::Identity => self.identity(),
            Role::Fanout => self.fanout(),
            Role::Gateway => Ok(self.gateway()),
        }
    }

    fn presence(&self) -> ServiceParts {
        let deps = xchat_presence::Deps {
            routing: self.backends.routing(),
        };
        xchat_presence::build(&self.config.presence, deps)
    }

    fn identity(&mut self) -> Result<ServiceParts, StartError> {
        let deps = xchat_identity::Deps {
            directory: self.backends.directory()?,
            keys: self.keys()?,
            clock: Arc::clone(&self.clock),
            rng: Arc::clone(&self.rng),
        };
        xchat_identity::build(&self.config.identity, deps)
            .map_err(|error| StartError::new("keys_unusable", Exit::Data, error.to_string(), ""))
    }

    fn fanout(&mut self) -> Result<ServiceParts, StartError> {
        let envelopes = self.backends.envelopes()?;
        let mut gateways = Dialer::new();
        if let Some(gateway) = &self.channels.gateway {
            gateways = gateways.with(HERE, gateway.clone());
        }
        let deps = xchat_fanout::Deps {
            log: envelopes.log,
            store: envelopes.store,
            routing: self.backends.routing_of(self.channels.presence.clone()),
            gateways,
            partition_key: self.keys()?.partition_key(),
            clock: Arc::clone(&self.clock),
            tasks: self.tasks.clone(),
        };
        Ok(xchat_fanout::build(&self.config.fanout, deps))
    }

    fn gateway(&self) -> ServiceParts {
        let address = match self.addresses.grpc.get(&Role::Gateway) {
            Some(listener) => Address::of(*listener).to_string(),
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
