//! What becomes of routes when a cluster loses nodes. Each test has six servers of its own.

use std::{process::Command, time::Duration};

use tokio::time::{Instant, sleep};
use xchat_adapter_redis::{RedisConfig, RedisRouting};
use xchat_ports::{Routing, contract::engine::engine, routing::Route};
use xchat_types::DeviceId;

use crate::server::{Server, free_port};

const LEASE_MS: u64 = 60_000;
const DEADLINE: Duration = Duration::from_secs(1);
/// For a machine under load.
const SLACK: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_mins(1);
const PRIMARIES: usize = 3;

struct Cluster(Vec<Server>);

impl Cluster {
    /// `None`, said, where the cluster's tests are skipped.
    async fn start() -> Option<Self> {
        engine("redis_cluster")?;
        let servers: Vec<_> = (0..2 * PRIMARIES)
            .map(|_| Server::launch(settings()))
            .collect();
        for server in &servers {
            server.ready().await;
        }
        let cluster = Self(servers);
        let addresses = cluster.0.iter().map(|s| format!("127.0.0.1:{}", s.port));
        let made = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(addresses)
            .args(["--cluster-replicas", "1", "--cluster-yes"])
            .output()
            .expect("redis-cli: run infra/setup.sh stack");
        assert!(made.status.success(), "{made:?}");
        cluster.whole().await;
        Some(cluster)
    }

    /// All slots are served, and every replica has its primary's state.
    async fn whole(&self) {
        let until = Instant::now() + PATIENCE;
        for server in &self.0 {
            loop {
                let state = says(server, &["CLUSTER", "INFO"]).await;
                let replication = says(server, &["INFO", "replication"]).await;
                let follows = replication.contains("connected_slaves:1")
                    || replication.contains("master_link_status:up");
                if state.contains("cluster_state:ok") && follows {
                    break;
                }
                assert!(Instant::now() < until, "{state} {replication}");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }

    fn routing(&self) -> RedisRouting {
        let url = |server: &Server| format!("redis://127.0.0.1:{}", server.port);
        let mut config = RedisConfig::new(self.0.iter().map(url).collect());
        config.deadline = DEADLINE;
        RedisRouting::open(&config).unwrap()
    }
}

fn settings() -> Vec<String> {
    let bus = free_port().to_string();
    let settings = [
        ["--cluster-enabled", "yes"],
        ["--cluster-node-timeout", "1000"],
        ["--cluster-port", &bus],
        ["--repl-diskless-sync-delay", "0"],
        ["--appendonly", "yes"],
    ];
    settings.concat().into_iter().map(str::to_owned).collect()
}

async fn says(server: &Server, words: &[&str]) -> String {
    redis::from_redis_value(server.command(words).await).unwrap()
}

/// Over all primaries.
fn routes() -> Vec<Route> {
    let route = |number: u8| Route {
        device: DeviceId::new([number; 16]),
        gateway: "http://127.0.0.1:1".to_owned(),
        connection: 7,
    };
    (0..60).map(route).collect()
}

/// Prolongs all leases, as gateways do again and again, until that works; each attempt in time.
async fn refreshed(routing: &RedisRouting) {
    let begun = Instant::now();
    loop {
        let before = Instant::now();
        let answer = routing.refresh(&routes(), LEASE_MS).await;
        assert!(
            before.elapsed() < DEADLINE + SLACK,
            "{:?}",
            before.elapsed()
        );
        match answer {
            Ok(found) => {
                assert_eq!(found.taken, []);
                eprintln!("leases go on after {:?}", begun.elapsed());
                return;
            }
            Err(error) => assert!(error.is_retryable(), "{error}"),
        }
        assert!(begun.elapsed() < PATIENCE, "not refreshed again");
        sleep(Duration::from_millis(20)).await;
    }
}

async fn found(routing: &RedisRouting) -> Vec<Route> {
    let devices: Vec<_> = routes().iter().map(|route| route.device).collect();
    let mut found = routing.lookup(&devices).await.unwrap();
    found.sort_by_key(|route| route.device);
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_takes_over_from_a_killed_primary_and_leases_go_on() {
    let Some(mut cluster) = Cluster::start().await else {
        return;
    };
    let routing = cluster.routing();
    refreshed(&routing).await;
    assert_eq!(found(&routing).await, routes());
    cluster.0[0].kill();
    refreshed(&routing).await;
    assert_eq!(found(&routing).await, routes());

    for server in &cluster.0[1..] {
        let role = says(server, &["INFO", "replication"]).await;
        if role.contains("role:master") {
            server.command(&["FLUSHALL"]).await;
        }
    }
    assert_eq!(found(&routing).await, []);
    refreshed(&routing).await;
    assert_eq!(found(&routing).await, routes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_stands_still_is_replaced_and_then_a_cluster_that_was_all_gone_is_used_again()
 {
    let Some(mut cluster) = Cluster::start().await else {
        return;
    };
    let routing = cluster.routing();
    refreshed(&routing).await;
    cluster.0[1].signal("-STOP");
    refreshed(&routing).await;
    assert_eq!(found(&routing).await, routes());
    cluster.0[1].signal("-CONT");

    for server in &mut cluster.0 {
        server.kill();
    }
    let gone = routing.refresh(&routes(), LEASE_MS).await;
    assert!(gone.unwrap_err().is_retryable());
    for server in &mut cluster.0 {
        server.relaunch();
    }
    refreshed(&routing).await;
    assert_eq!(found(&routing).await, routes());
}

/// The task of a connection ends with its runtime, and all calls on it fail from then on.
#[test]
fn a_connection_that_has_ended_for_good_is_replaced() {
    let Some(urls) = engine("redis_cluster") else {
        return;
    };
    let mut config = RedisConfig::new(urls.split(',').map(str::to_owned).collect());
    config.prefix = format!("test-ended-{}", std::process::id());
    config.deadline = DEADLINE;
    let routing = RedisRouting::open(&config).unwrap();
    for _ in 0..2 {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(refreshed(&routing));
    }
}
