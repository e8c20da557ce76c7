//! The contract of the directory store.

use std::sync::Arc;

use async_trait::async_trait;
use xchat_adapter_scylla::{ScyllaDirectoryStore, ScyllaOptions};
use xchat_ports::{DirectoryStore, contract::directory_store::Factory};

use crate::engine::{self, Shared, Turn};

pub(crate) static SHARED: Shared = Shared::new(
    "directory",
    &[
        "accounts",
        "devices",
        "device_owners",
        "usernames",
        "key_packages",
        "last_resort_claims",
        "sessions",
        "revocations",
    ],
);

#[derive(Debug)]
struct Stores(Turn);

pub(crate) async fn open() -> Arc<dyn DirectoryStore> {
    open_by(SHARED.options()).await
}

pub(crate) async fn open_by(options: ScyllaOptions) -> Arc<dyn DirectoryStore> {
    let open = || ScyllaDirectoryStore::open(options.clone(), engine::clock());
    Arc::new(engine::opened(open).await)
}

#[async_trait]
impl Factory for Stores {
    async fn create(&self) -> Arc<dyn DirectoryStore> {
        self.0.begin().await;
        open().await
    }

    async fn reopen(&self, _: Arc<dyn DirectoryStore>) -> Arc<dyn DirectoryStore> {
        open().await
    }
}

fn factories() -> Vec<Stores> {
    let here = engine::nodes().map(|_| Stores(Turn::new(&SHARED)));
    here.into_iter().collect()
}

mod contract {
    xchat_ports::directory_store_contract!(super::factories());
}
