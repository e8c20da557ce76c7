//! What the engine does to us.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use xchat_adapter_redis::RedisRouting;
use xchat_ports::{
    PortError, Routing,
    routing::{Refreshed, Route},
};
use xchat_types::DeviceId;

use crate::server::Server;

const LEASE_MS: u64 = 60_000;
const DEADLINE: Duration = Duration::from_millis(300);
/// For a machine under load.
const SLACK: Duration = Duration::from_secs(2);

fn route(number: u8) -> Route {
    Route {
        device: DeviceId::new([number; 16]),
        gateway: "http://127.0.0.1:1".to_owned(),
        connection: u64::MAX - u64::from(number),
    }
}

/// The same call until it is answered, as callers do.
async fn recovered(routing: &RedisRouting, route: &Route) -> Vec<Route> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match routing.lookup(&[route.device]).await {
            Ok(found) => return found,
            Err(error) => assert!(error.is_retryable(), "{error}"),
        }
        assert!(Instant::now() < deadline, "no answer again");
        sleep(Duration::from_millis(10)).await;
    }
}

async fn unavailable_in_time(routing: &RedisRouting, route: &Route) {
    let before = Instant::now();
    let answers = [
        routing.lookup(&[route.device]).await.err(),
        routing.set(route, LEASE_MS).await.err(),
        routing
            .refresh(std::slice::from_ref(route), LEASE_MS)
            .await
            .err(),
        routing.remove(route).await.err(),
    ];
    for answer in answers {
        assert!(
            matches!(answer, Some(PortError::Unavailable(_))),
            "{answer:?}"
        );
    }
    assert!(
        before.elapsed() < DEADLINE * 4 + SLACK,
        "{:?}",
        before.elapsed()
    );
}

#[tokio::test]
async fn an_engine_that_stands_still_is_unavailable_in_time_and_is_used_again_after() {
    let Some(server) = Server::start().await else {
        return;
    };
    let routing = server.routing(DEADLINE);
    assert!(routing.set(&route(1), LEASE_MS).await.unwrap());
    server.signal("-STOP");
    unavailable_in_time(&routing, &route(2)).await;
    server.signal("-CONT");
    assert_eq!(recovered(&routing, &route(1)).await, [route(1)]);
}

#[tokio::test]
async fn an_engine_that_was_killed_is_unavailable_in_time_and_refreshing_sets_its_routes_again() {
    let Some(mut server) = Server::start().await else {
        return;
    };
    let routing = server.routing(DEADLINE);
    assert!(routing.set(&route(1), LEASE_MS).await.unwrap());
    server.kill();
    unavailable_in_time(&routing, &route(1)).await;
    server.start_again().await;
    assert_eq!(recovered(&routing, &route(1)).await, []);
    let found = routing.refresh(&[route(1)], LEASE_MS).await.unwrap();
    assert_eq!(found.restored, [route(1).device]);
    assert_eq!(recovered(&routing, &route(1)).await, [route(1)]);
}

#[tokio::test]
async fn a_connection_that_is_cut_is_made_again() {
    let Some(server) = Server::start().await else {
        return;
    };
    let routing = server.routing(DEADLINE);
    assert!(routing.set(&route(1), LEASE_MS).await.unwrap());
    server.command(&["CLIENT", "KILL", "TYPE", "normal"]).await;
    assert_eq!(recovered(&routing, &route(1)).await, [route(1)]);
}

#[tokio::test]
async fn refreshing_after_everything_was_flushed_sets_routes_and_scripts_again() {
    let Some(server) = Server::start().await else {
        return;
    };
    let routing = server.routing(DEADLINE);
    assert!(routing.set(&route(1), LEASE_MS).await.unwrap());
    let found = routing.refresh(&[route(1)], LEASE_MS).await.unwrap();
    assert_eq!(found, Refreshed::default());
    server.command(&["FLUSHALL"]).await;
    server.command(&["SCRIPT", "FLUSH"]).await;
    assert_eq!(routing.lookup(&[route(1).device]).await.unwrap(), []);
    let found = routing.refresh(&[route(1)], LEASE_MS).await.unwrap();
    assert_eq!(found.restored, [route(1).device]);
    assert_eq!(
        routing.lookup(&[route(1).device]).await.unwrap(),
        [route(1)]
    );
}
