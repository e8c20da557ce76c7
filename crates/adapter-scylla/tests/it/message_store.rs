//! The contract of the message store.

use std::sync::Arc;

use async_trait::async_trait;
use xchat_adapter_scylla::ScyllaMessageStore;
use xchat_ports::{MessageStore, contract::message_store::Factory};

use crate::engine::{self, Shared, Turn};

static SHARED: Shared = Shared::new(
    "messages",
    &[
        "conversations",
        "envelopes",
        "envelope_buckets",
        "payloads_hour",
        "payloads_day",
        "group_states",
        "welcomes",
        "marks",
        "cursors",
    ],
);

#[derive(Debug)]
struct Stores(Turn);

async fn open() -> Arc<dyn MessageStore> {
    let options = engine::options(SHARED.name);
    Arc::new(
        ScyllaMessageStore::open(options, engine::clock())
            .await
            .unwrap(),
    )
}

#[async_trait]
impl Factory for Stores {
    async fn create(&self) -> Arc<dyn MessageStore> {
        self.0.begin().await;
        open().await
    }

    async fn reopen(&self, _: Arc<dyn MessageStore>) -> Arc<dyn MessageStore> {
        open().await
    }
}

fn factories() -> Vec<Stores> {
    let here = engine::nodes().map(|_| Stores(Turn::new(&SHARED)));
    here.into_iter().collect()
}

mod contract {
    xchat_ports::message_store_contract!(super::factories());
}
