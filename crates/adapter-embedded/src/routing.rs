//! Leases in the process, for the one that runs presence.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use xchat_ports::{
    Clock, PortResult, Routing,
    routing::{Refreshed, Route},
};
use xchat_types::{DeviceId, Millis};

/// Clones share one table.
#[derive(Clone, Debug)]
pub struct EmbeddedRouting {
    clock: Arc<dyn Clock>,
    leases: Arc<Mutex<Leases>>,
}

#[derive(Debug, Default)]
struct Leases {
    held: HashMap<DeviceId, Lease>,
    /// Size at which ended leases are swept out next.
    sweep_at: usize,
}

#[derive(Debug)]
struct Lease {
    gateway: String,
    connection: u64,
    ends: Millis,
}

impl EmbeddedRouting {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            leases: Arc::default(),
        }
    }

    fn leases(&self) -> MutexGuard<'_, Leases> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leases {
    const LEAST_SWEEP: usize = 1_024;

    fn live(&self, device: DeviceId, now: Millis) -> Option<&Lease> {
        self.held.get(&device).filter(|lease| lease.ends > now)
    }

    fn set(&mut self, route: &Route, now: Millis, lease_ms: u64) -> bool {
        let newer = self
            .live(route.device, now)
            .is_some_and(|lease| lease.connection > route.connection);
        if newer {
            return false;
        }
        let lease = Lease {
            gateway: route.gateway.clone(),
            connection: route.connection,
            ends: now.saturating_add(lease_ms),
        };
        self.held.insert(route.device, lease);
        self.sweep(now);
        true
    }

    /// Forgets ended leases, each time the table has doubled.
    fn sweep(&mut self, now: Millis) {
        if self.held.len() > self.sweep_at.max(Self::LEAST_SWEEP) {
            self.held.retain(|_, lease| lease.ends > now);
            self.sweep_at = 2 * self.held.len();
        }
    }
}

#[async_trait]
impl Routing for EmbeddedRouting {
    async fn set(&self, route: &Route, lease_ms: u64) -> PortResult<bool> {
        let now = self.clock.now();
        Ok(self.leases().set(route, now, lease_ms))
    }

    async fn refresh(&self, routes: &[Route], lease_ms: u64) -> PortResult<Refreshed> {
        let now = self.clock.now();
        let mut leases = self.leases();
        let mut found = Refreshed::default();
        for route in routes {
            let held = leases.live(route.device, now);
            let is_held = held.is_some_and(|lease| lease.connection == route.connection);
            if !leases.set(route, now, lease_ms) {
                found.taken.push(route.device);
            } else if !is_held {
                found.restored.push(route.device);
            }
        }
        Ok(found)
    }

    async fn remove(&self, route: &Route) -> PortResult<()> {
        let mut leases = self.leases();
        let own = leases
            .held
            .get(&route.device)
            .is_some_and(|lease| lease.connection == route.connection);
        if own {
            leases.held.remove(&route.device);
        }
        Ok(())
    }

    async fn lookup(&self, devices: &[DeviceId]) -> PortResult<Vec<Route>> {
        let now = self.clock.now();
        let leases = self.leases();
        Ok(devices
            .iter()
            .filter_map(|device| {
                let lease = leases.live(*device, now)?;
                Some(Route {
                    device: *device,
                    gateway: lease.gateway.clone(),
                    connection: lease.connection,
                })
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct At(Mutex<Millis>);

    impl Clock for At {
        fn now(&self) -> Millis {
            *self.0.lock().unwrap()
        }
    }

    #[tokio::test]
    async fn ended_leases_are_swept_out_and_live_ones_stay() {
        let clock = Arc::new(At(Mutex::new(Millis(1))));
        let routing = EmbeddedRouting::new(Arc::<At>::clone(&clock));
        let route = |number: u32| Route {
            device: DeviceId::new([number.to_be_bytes(); 4].concat().try_into().unwrap()),
            gateway: "gateway".to_owned(),
            connection: 1,
        };
        for number in 0..5_000 {
            *clock.0.lock().unwrap() = Millis(1 + u64::from(number));
            routing.set(&route(number), 100).await.unwrap();
        }
        assert!(routing.leases().held.len() <= Leases::LEAST_SWEEP + 1);
        let last = routing.lookup(&[route(4_999).device]).await.unwrap();
        assert_eq!(last, [route(4_999)]);
    }
}
