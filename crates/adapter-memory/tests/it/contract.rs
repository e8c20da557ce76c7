use std::sync::Arc;

use async_trait::async_trait;
use xchat_adapter_memory::{
    Faults, ManualClock, MemoryDirectoryStore, MemoryEventLog, MemoryMessageStore, MemoryRouting,
};
use xchat_ports::{DirectoryStore, EventLog, MessageStore, Routing, contract};

/// Prints the faults, and with them the seed.
#[derive(Debug)]
struct Memory {
    faults: Faults,
    clock: Arc<ManualClock>,
}

impl Memory {
    fn new(faults: Faults) -> Self {
        Self {
            faults,
            clock: Arc::default(),
        }
    }
}

fn healthy() -> Vec<Memory> {
    vec![Memory::new(Faults::none())]
}

fn nasty() -> Vec<Memory> {
    (0..20)
        .map(|seed| Memory::new(Faults::nasty(seed)))
        .collect()
}

#[async_trait]
impl contract::event_log::Factory for Memory {
    async fn create(&self) -> Arc<dyn EventLog> {
        let clock = Arc::<ManualClock>::clone(&self.clock);
        Arc::new(MemoryEventLog::with_faults(
            contract::event_log::PARTITIONS,
            clock,
            self.faults,
        ))
    }

    async fn reopen(&self, log: Arc<dyn EventLog>) -> Arc<dyn EventLog> {
        log
    }
}

#[async_trait]
impl contract::message_store::Factory for Memory {
    async fn create(&self) -> Arc<dyn MessageStore> {
        let clock = Arc::<ManualClock>::clone(&self.clock);
        Arc::new(MemoryMessageStore::with_faults(clock, self.faults))
    }

    async fn reopen(&self, store: Arc<dyn MessageStore>) -> Arc<dyn MessageStore> {
        store
    }
}

#[async_trait]
impl contract::directory_store::Factory for Memory {
    async fn create(&self) -> Arc<dyn DirectoryStore> {
        Arc::new(MemoryDirectoryStore::with_faults(self.faults))
    }

    async fn reopen(&self, store: Arc<dyn DirectoryStore>) -> Arc<dyn DirectoryStore> {
        store
    }
}

#[async_trait]
impl contract::routing::Factory for Memory {
    async fn create(&self) -> Arc<dyn Routing> {
        let clock = Arc::<ManualClock>::clone(&self.clock);
        Arc::new(MemoryRouting::with_faults(clock, self.faults))
    }

    async fn pass(&self, milliseconds: u64) {
        self.clock.advance(milliseconds);
    }
}

mod healthy_event_log {
    xchat_ports::event_log_contract!(super::healthy());
}
mod nasty_event_log {
    xchat_ports::event_log_contract!(super::nasty());
}
mod healthy_message_store {
    xchat_ports::message_store_contract!(super::healthy());
}
mod nasty_message_store {
    xchat_ports::message_store_contract!(super::nasty());
}
mod healthy_directory_store {
    xchat_ports::directory_store_contract!(super::healthy());
}
mod nasty_directory_store {
    xchat_ports::directory_store_contract!(super::nasty());
}
mod healthy_routing {
    xchat_ports::routing_contract!(super::healthy());
}
mod nasty_routing {
    xchat_ports::routing_contract!(super::nasty());
}
