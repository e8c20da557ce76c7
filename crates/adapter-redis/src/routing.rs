//! The port.

use async_trait::async_trait;
use futures_util::future::try_join_all;
use xchat_ports::{
    PortResult, Routing,
    routing::{Refreshed, Route},
};
use xchat_types::DeviceId;

use crate::{
    RedisConfig,
    engine::Engine,
    key::{self, groups, key, value},
    script::Compare,
};

/// Leases as keys that expire.
#[derive(Debug)]
pub struct RedisRouting {
    engine: Engine,
    prefix: String,
    set: Compare,
    refresh: Compare,
    remove: Compare,
}

impl RedisRouting {
    /// Connects at the first call. Fails on a url or a password file that can't be read.
    pub fn open(config: &RedisConfig) -> PortResult<Self> {
        Ok(Self {
            engine: Engine::open(config)?,
            prefix: config.prefix.clone(),
            set: Compare::set(),
            refresh: Compare::refresh(),
            remove: Compare::remove(),
        })
    }

    async fn refresh_group(&self, routes: &[&Route], lease: &str) -> PortResult<Refreshed> {
        let keys: Vec<String> = routes
            .iter()
            .map(|route| key(&self.prefix, &route.device))
            .collect();
        let mut arguments = vec![lease.to_owned()];
        arguments.extend(routes.iter().map(|route| value(route)));
        let (taken, restored): (Vec<usize>, Vec<usize>) =
            self.refresh.call(&self.engine, &keys, &arguments).await?;
        let device = |at: usize| routes.get(at.checked_sub(1)?).map(|route| route.device);
        let devices = |at: Vec<usize>| at.into_iter().filter_map(device).collect();
        Ok(Refreshed {
            taken: devices(taken),
            restored: devices(restored),
        })
    }

    async fn lookup_group(&self, devices: &[DeviceId]) -> PortResult<Vec<Route>> {
        let mut command = redis::cmd("MGET");
        for device in devices {
            command.arg(key(&self.prefix, device));
        }
        let answer = self.engine.within_deadline(self.engine.ask(&command));
        let values: Vec<Option<Vec<u8>>> = answer.await?;
        let found = devices.iter().zip(values).filter_map(|(device, value)| {
            let value = value?;
            let text = str::from_utf8(&value).ok();
            let route = text.and_then(|text| key::route(*device, text));
            if route.is_none() {
                tracing::warn!("a stored route is none of ours; it is taken for absent");
            }
            route
        });
        Ok(found.collect())
    }
}

/// The engine refuses a lease of nothing.
fn lease(milliseconds: u64) -> String {
    milliseconds.max(1).to_string()
}

#[async_trait]
impl Routing for RedisRouting {
    async fn set(&self, route: &Route, lease_ms: u64) -> PortResult<bool> {
        let keys = [key(&self.prefix, &route.device)];
        let arguments = [value(route), lease(lease_ms)];
        self.set.call(&self.engine, &keys, &arguments).await
    }

    async fn refresh(&self, routes: &[Route], lease_ms: u64) -> PortResult<Refreshed> {
        let lease = lease(lease_ms);
        let groups = groups(self.engine.is_cluster(), routes, |route| route.device);
        let calls = groups.iter().map(|group| self.refresh_group(group, &lease));
        let mut found = Refreshed::default();
        for group in try_join_all(calls).await? {
            found.taken.extend(group.taken);
            found.restored.extend(group.restored);
        }
        Ok(found)
    }

    async fn remove(&self, route: &Route) -> PortResult<()> {
        let keys = [key(&self.prefix, &route.device)];
        let arguments = [value(route)];
        let _one: u8 = self.remove.call(&self.engine, &keys, &arguments).await?;
        Ok(())
    }

    async fn lookup(&self, devices: &[DeviceId]) -> PortResult<Vec<Route>> {
        let devices = devices.iter().copied();
        let groups = groups(self.engine.is_cluster(), devices, |device| device);
        let calls = groups.iter().map(|group| self.lookup_group(group));
        Ok(try_join_all(calls).await?.concat())
    }
}
