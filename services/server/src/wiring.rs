//! From settings to a plan: the linear recipe of a process.

mod data_dir;
mod keys;
mod roles;

use std::sync::Arc;

use xchat_auth::InstallationKeys;
use xchat_backends::Backends;
use xchat_ports::{Clock, Rng};
use xchat_runtime::{
    Tasks,
    ambient::{SystemClock, SystemRng},
    channel::{self, Channel, Incoming, Remote},
    lifecycle::Plan,
    limits::raise_open_files,
    mtls::Mtls,
};

pub(crate) use data_dir::data_dir;
pub(crate) use keys::KeyPlace;

use crate::{
    Config, Exit, Role, StartError,
    ports::{Addresses, Ports, bind},
};

/// A process that is ready to run: ports bound, stores open, nothing started.
pub(crate) struct Prepared {
    pub(crate) plan: Plan,
    pub(crate) backends: Backends,
    pub(crate) addresses: Addresses,
}

/// What roles are built from.
struct Context<'a> {
    config: &'a Config,
    backends: Backends,
    channels: Channels,
    mtls: Option<Mtls>,
    key_place: KeyPlace,
    addresses: Addresses,
    open_files: Option<u64>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    tasks: Tasks,
}

/// Binds, opens and builds. Blocks while embedded stores are opened: nothing else runs yet.
pub(crate) async fn prepare(
    config: &Config,
    roles: &[Role],
    mtls: Option<Mtls>,
) -> Result<Prepared, StartError> {
    let data_dir = data_dir(config)?;
    let Ports {
        public,
        mut grpc,
        addresses,
    } = bind(config, roles).await?;
    let (channels, mut incoming) = channels(config, roles, mtls.as_ref());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let rng: Arc<dyn Rng> = Arc::new(SystemRng);
    let mut context = Context {
        config,
        backends: Backends::new(
            &config.backends,
            &data_dir,
            Arc::clone(&clock),
            Arc::clone(&rng),
        ),
        channels,
        mtls,
        key_place: KeyPlace::of(&config.backends, &data_dir),
        addresses,
        open_files: raise_open_files(),
        clock,
        rng,
        tasks: Tasks::new(),
    };
    let mut built = Vec::new();
    for role in Role::ALL.into_iter().filter(|role| roles.contains(role)) {
        built.push(xchat_runtime::lifecycle::Role {
            parts: context.build(role).await?,
            local: incoming.take(role),
            grpc: grpc.remove(&role),
        });
    }
    Ok(Prepared {
        plan: Plan {
            tasks: context.tasks,
            roles: built,
            public,
            mtls: context.mtls,
            shutdown: config.shutdown.clone(),
        },
        backends: context.backends,
        addresses: context.addresses,
    })
}

impl Context<'_> {
    /// The installation's keys. Asked for before the role's store is opened.
    fn keys(&self) -> Result<Arc<InstallationKeys>, StartError> {
        Ok(Arc::new(self.key_place.keys(&*self.rng)?))
    }
}

/// With which services authenticate each other, if they do.
pub(crate) fn mtls(config: &Config) -> Result<Option<Mtls>, StartError> {
    Mtls::load(&config.mtls).map_err(|error| {
        let next = "check mtls.ca_file, mtls.cert_file and mtls.key_file: all are PEM";
        StartError::new("mtls_files", Exit::Config, error.to_string(), next)
    })
}

/// One channel to each role: in memory to those of this process, over TCP to the others. Fanout
/// finds gateways by the addresses in their routes.
struct Channels {
    presence: Channel,
    identity: Channel,
    fanout: Channel,
    /// Of this process, if it is a gateway.
    gateway: Option<Channel>,
}

/// The serving ends of the in-memory channels.
struct Locals(Vec<(Role, Incoming)>);

impl Locals {
    fn take(&mut self, role: Role) -> Option<Incoming> {
        let index = self.0.iter().position(|(at, _)| *at == role)?;
        Some(self.0.swap_remove(index).1)
    }
}

fn channels(config: &Config, roles: &[Role], mtls: Option<&Mtls>) -> (Channels, Locals) {
    let mut locals = Vec::new();
    let mut local = |role| {
        roles.contains(&role).then(|| {
            let (channel, incoming) = channel::pair();
            locals.push((role, incoming));
            channel
        })
    };
    let remote = |role: Role| {
        let mtls = mtls.cloned();
        let remote = Remote {
            role: role.name(),
            mtls,
        };
        remote.channel(config.peers.of(role).as_slice())
    };
    let mut reach = |role| local(role).unwrap_or_else(|| remote(role));
    let channels = Channels {
        presence: reach(Role::Presence),
        identity: reach(Role::Identity),
        fanout: reach(Role::Fanout),
        gateway: local(Role::Gateway),
    };
    (channels, Locals(locals))
}
