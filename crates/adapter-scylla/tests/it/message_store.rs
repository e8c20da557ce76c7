//! The contract of the message store.

use std::sync::Arc;

use async_trait::async_trait;
use xchat_adapter_scylla::{ScyllaMessageStore, ScyllaOptions};
use xchat_ports::{MessageStore, contract::message_store::Factory};

use crate::engine::{self, Shared, Turn};

pub(crate) static SHARED: Shared = Shared::new(
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

pub(crate) async fn open() -> Arc<dyn MessageStore> {
    open_by(SHARED.options()).await
}

pub(crate) async fn open_by(options: ScyllaOptions) -> Arc<dyn MessageStore> {
    let open = || ScyllaMessageStore::open(options.clone(), engine::clock());
    Arc::new(engine::opened(open).await)
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
