//! The contract, on the single engine and on the cluster.

use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use xchat_adapter_redis::{RedisConfig, RedisRouting};
use xchat_ports::{
    Routing,
    contract::{engine::engine, routing::Factory},
};

static CREATED: AtomicU32 = AtomicU32::new(0);

/// Every routing has its own prefix: empty, on an engine that others use too.
#[derive(Debug)]
struct OnEngine(RedisConfig);

#[async_trait]
impl Factory for OnEngine {
    async fn create(&self) -> Arc<dyn Routing> {
        let mut config = self.0.clone();
        let number = CREATED.fetch_add(1, Ordering::Relaxed);
        config.prefix = format!("test-{}-{number}", process::id());
        Arc::new(RedisRouting::open(&config).unwrap())
    }

    async fn pass(&self, milliseconds: u64) {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }
}

fn on(name: &str, cluster: bool) -> Option<OnEngine> {
    let urls = engine(name)?.split(',').map(str::to_owned).collect();
    let mut config = RedisConfig::new(urls);
    config.cluster = cluster;
    Some(OnEngine(config))
}

mod single {
    xchat_ports::routing_contract!(super::on("redis", false).into_iter());
}
mod cluster {
    xchat_ports::routing_contract!(super::on("redis_cluster", true).into_iter());
}
