//! From settings to a plan: the linear recipe of a process.

mod data_dir;
mod roles;

use std::{path::PathBuf, sync::Arc};

use xchat_auth::{InstallationKeys, key_file};
use xchat_backends::Backends;
use xchat_ports::{Clock, Rng};
use xchat_runtime::{
    Tasks,
    ambient::{SystemClock, SystemRng},
    channel::{self, Channel, Incoming},
    lifecycle::Plan,
    limits::raise_open_files,
};

pub(crate) use data_dir::data_dir;

use crate::{
    Config, Role, StartError,
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
    keys_file: PathBuf,
    addresses: Addresses,
    open_files: Option<u64>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    tasks: Tasks,
}

/// Binds, opens and builds. Blocks while stores are opened: nothing else runs yet.
pub(crate) async fn prepare(config: &Config, roles: &[Role]) -> Result<Prepared, StartError> {
    let data_dir = data_dir(config)?;
    let Ports {
        public,
        mut grpc,
        addresses,
    } = bind(config, roles).await?;
    let (channels, mut incoming) = channels(config, roles);
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
        keys_file: data_dir.join(key_file::FILE_NAME),
        addresses,
        open_files: raise_open_files(),
        clock,
        rng,
        tasks: Tasks::new(),
    };
    let mut built = Vec::new();
    for role in Role::ALL.into_iter().filter(|role| roles.contains(role)) {
        built.push(xchat_runtime::lifecycle::Role {
            parts: context.build(role)?,
            local: incoming.take(role),
            grpc: grpc.remove(&role),
        });
    }
    Ok(Prepared {
        plan: Plan {
            tasks: context.tasks,
            roles: built,
            public,
            shutdown: config.shutdown.clone(),
        },
        backends: context.backends,
        addresses: context.addresses,
    })
}

impl Context<'_> {
    /// The installation's keys, made at the first start.
    fn keys(&self) -> Result<Arc<InstallationKeys>, StartError> {
        let keys = InstallationKeys::load_or_create(&self.keys_file, &*self.rng)?;
        Ok(Arc::new(keys))
    }
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

fn channels(config: &Config, roles: &[Role]) -> (Channels, Locals) {
    let mut locals = Vec::new();
    let mut local = |role| {
        roles.contains(&role).then(|| {
            let (channel, incoming) = channel::pair();
            locals.push((role, incoming));
            channel
        })
    };
    let peers = &config.peers;
    let channels = Channels {
        presence: local(Role::Presence).unwrap_or_else(|| channel::remote(&peers.presence)),
        identity: local(Role::Identity).unwrap_or_else(|| channel::remote(&peers.identity)),
        fanout: local(Role::Fanout).unwrap_or_else(|| channel::remote(&peers.fanout)),
        gateway: local(Role::Gateway),
    };
    (channels, Locals(locals))
}
