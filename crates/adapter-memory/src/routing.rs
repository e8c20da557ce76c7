//! Leases in memory. All of them may be forgotten at any time: [`MemoryRouting::forget_all`].

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use xchat_ports::{
    Clock, PortResult, Routing,
    routing::{Refreshed, Route},
};
use xchat_types::{DeviceId, Millis};

use crate::{
    Faults,
    faults::{Dice, Fate, injected},
    lock,
};

/// Clones share one table.
#[derive(Clone, Debug)]
pub struct MemoryRouting {
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    dice: Dice,
    leases: HashMap<DeviceId, Lease>,
}

#[derive(Debug)]
struct Lease {
    route: Route,
    ends: Millis,
}

impl MemoryRouting {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_faults(clock, Faults::none())
    }

    pub fn with_faults(clock: Arc<dyn Clock>, faults: Faults) -> Self {
        Self {
            clock,
            state: Arc::new(Mutex::new(State {
                dice: Dice::new(faults),
                leases: HashMap::new(),
            })),
        }
    }

    pub fn set_faults(&self, faults: Faults) {
        lock(&self.state).dice = Dice::new(faults);
    }

    /// What `FLUSHALL` does to an engine.
    pub fn forget_all(&self) {
        lock(&self.state).leases.clear();
    }
}

impl State {
    fn set(&mut self, route: &Route, now: Millis, lease_ms: u64) -> bool {
        let newer = self
            .leases
            .get(&route.device)
            .is_some_and(|held| held.ends > now && held.route.connection > route.connection);
        if !newer {
            let ends = now.saturating_add(lease_ms);
            let route = route.clone();
            self.leases.insert(route.device, Lease { route, ends });
        }
        !newer
    }
}

#[async_trait]
impl Routing for MemoryRouting {
    async fn set(&self, route: &Route, lease_ms: u64) -> PortResult<bool> {
        let now = self.clock.now();
        let mut state = lock(&self.state);
        let fate = state.dice.fate();
        if fate == Fate::Refused {
            return Err(injected());
        }
        let set = state.set(route, now, lease_ms);
        if fate == Fate::Unknown {
            return Err(injected());
        }
        Ok(set)
    }

    async fn refresh(&self, routes: &[Route], lease_ms: u64) -> PortResult<Refreshed> {
        let now = self.clock.now();
        let mut state = lock(&self.state);
        let fate = state.dice.fate();
        if fate == Fate::Refused {
            return Err(injected());
        }
        let mut found = Refreshed::default();
        for route in routes {
            let is_held = state
                .leases
                .get(&route.device)
                .is_some_and(|held| held.ends > now && held.route.connection == route.connection);
            if !state.set(route, now, lease_ms) {
                found.taken.push(route.device);
            } else if !is_held {
                found.restored.push(route.device);
            }
        }
        if fate == Fate::Unknown {
            return Err(injected());
        }
        Ok(found)
    }

    async fn remove(&self, route: &Route) -> PortResult<()> {
        let mut state = lock(&self.state);
        let fate = state.dice.fate();
        if fate == Fate::Refused {
            return Err(injected());
        }
        let own = state
            .leases
            .get(&route.device)
            .is_some_and(|held| held.route.connection == route.connection);
        if own {
            state.leases.remove(&route.device);
        }
        if fate == Fate::Unknown {
            return Err(injected());
        }
        Ok(())
    }

    async fn lookup(&self, devices: &[DeviceId]) -> PortResult<Vec<Route>> {
        let now = self.clock.now();
        let mut state = lock(&self.state);
        if state.dice.fate() != Fate::Done {
            return Err(injected());
        }
        Ok(devices
            .iter()
            .filter_map(|device| state.leases.get(device))
            .filter(|held| held.ends > now)
            .map(|held| held.route.clone())
            .collect())
    }
}
