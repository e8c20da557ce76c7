//! What every routing does.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use tokio::task::JoinSet;
use xchat_types::DeviceId;

use super::settle::settled;
use crate::{
    Routing,
    routing::{Refreshed, Route},
};

/// Makes routings of an adapter. Every one is empty.
#[async_trait]
pub trait Factory: fmt::Debug + Send + Sync {
    async fn create(&self) -> Arc<dyn Routing>;

    /// Lets time pass for all that was made: an engine's own clock, or a test's.
    async fn pass(&self, milliseconds: u64);
}

/// Tests of the routing contract for each of the factories.
#[macro_export]
macro_rules! routing_contract {
    ($factories:expr) => {
        $crate::contract_clauses! { routing, $factories,
            a_route_that_was_set_is_found_until_its_lease_ends
            a_lower_connection_never_replaces_a_higher_one
            an_ended_lease_gives_way_to_any_connection
            refreshing_prolongs_the_lease
            refreshing_names_the_devices_that_another_connection_took
            refreshing_sets_a_lease_again_that_ended_and_says_so
            refreshing_takes_over_from_a_lower_connection
            removing_ends_only_the_own_connection
            a_look_up_finds_those_that_have_a_route
            of_sixteen_connections_at_once_the_highest_stays
        }
    };
}

/// Long beside what a call takes, short beside what a test may take.
const LEASE_MS: u64 = 400;

fn device(number: u8) -> DeviceId {
    DeviceId::new([number; DeviceId::LEN])
}

fn route(number: u8, connection: u64) -> Route {
    Route {
        device: device(number),
        gateway: format!("gateway-{connection}"),
        connection,
    }
}

async fn set(routing: &dyn Routing, route: &Route) -> bool {
    settled(|| routing.set(route, LEASE_MS)).await
}

async fn refresh(routing: &dyn Routing, routes: &[Route]) -> Refreshed {
    settled(|| routing.refresh(routes, LEASE_MS)).await
}

fn taken<const N: usize>(taken: [DeviceId; N]) -> Refreshed {
    Refreshed {
        taken: taken.to_vec(),
        ..Refreshed::default()
    }
}

fn restored<const N: usize>(restored: [DeviceId; N]) -> Refreshed {
    Refreshed {
        restored: restored.to_vec(),
        ..Refreshed::default()
    }
}

async fn find(routing: &dyn Routing, number: u8) -> Option<Route> {
    let devices = [device(number)];
    let mut found = settled(|| routing.lookup(&devices)).await;
    assert!(found.len() <= 1, "{found:?}");
    found.pop()
}

pub async fn a_route_that_was_set_is_found_until_its_lease_ends(factory: &impl Factory) {
    let routing = factory.create().await;
    assert_eq!(find(&*routing, 1).await, None);
    assert!(set(&*routing, &route(1, 5)).await);
    assert_eq!(find(&*routing, 1).await, Some(route(1, 5)));
    factory.pass(LEASE_MS + 1).await;
    assert_eq!(find(&*routing, 1).await, None);
}

pub async fn a_lower_connection_never_replaces_a_higher_one(factory: &impl Factory) {
    let routing = factory.create().await;
    assert!(set(&*routing, &route(1, 5)).await);
    assert!(!set(&*routing, &route(1, 4)).await);
    assert_eq!(find(&*routing, 1).await, Some(route(1, 5)));
    assert!(set(&*routing, &route(1, 5)).await, "the same one again");
    assert!(set(&*routing, &route(1, 6)).await);
    assert_eq!(find(&*routing, 1).await, Some(route(1, 6)));
}

pub async fn an_ended_lease_gives_way_to_any_connection(factory: &impl Factory) {
    let routing = factory.create().await;
    assert!(set(&*routing, &route(1, 5)).await);
    factory.pass(LEASE_MS + 1).await;
    assert!(set(&*routing, &route(1, 2)).await);
    assert_eq!(find(&*routing, 1).await, Some(route(1, 2)));
}

pub async fn refreshing_prolongs_the_lease(factory: &impl Factory) {
    let routing = factory.create().await;
    assert!(set(&*routing, &route(1, 5)).await);
    assert!(set(&*routing, &route(2, 5)).await);
    for _ in 0..3 {
        factory.pass(LEASE_MS * 6 / 10).await;
        let found = refresh(&*routing, &[route(1, 5)]).await;
        assert_eq!(found, Refreshed::default());
    }
    assert_eq!(find(&*routing, 1).await, Some(route(1, 5)));
    assert_eq!(find(&*routing, 2).await, None);
}

pub async fn refreshing_names_the_devices_that_another_connection_took(factory: &impl Factory) {
    let routing = factory.create().await;
    for number in [1, 2, 3] {
        assert!(set(&*routing, &route(number, 5)).await);
    }
    assert!(set(&*routing, &route(2, 6)).await);
    let held = [route(1, 5), route(2, 5), route(3, 5)];
    let found = refresh(&*routing, &held).await;
    assert_eq!(found, taken([device(2)]));
    assert_eq!(find(&*routing, 2).await, Some(route(2, 6)));
}

pub async fn refreshing_sets_a_lease_again_that_ended_and_says_so(factory: &impl Factory) {
    let routing = factory.create().await;
    let never_set = route(2, 1);
    let held = [route(1, 5), never_set.clone(), route(3, 5)];
    assert!(set(&*routing, &route(1, 5)).await);
    // An answer that is lost takes what it says along: callers then take all for restored.
    loop {
        factory.pass(LEASE_MS + 1).await;
        assert!(set(&*routing, &route(3, 5)).await);
        if let Ok(found) = routing.refresh(&held, LEASE_MS).await {
            assert_eq!(found, restored([device(1), device(2)]));
            break;
        }
    }
    assert_eq!(refresh(&*routing, &held).await, Refreshed::default());
    assert_eq!(find(&*routing, 1).await, Some(route(1, 5)));
    assert_eq!(find(&*routing, 2).await, Some(never_set));
}

pub async fn refreshing_takes_over_from_a_lower_connection(factory: &impl Factory) {
    let routing = factory.create().await;
    let mut connection = 5;
    loop {
        assert!(set(&*routing, &route(1, connection)).await);
        connection += 1;
        if let Ok(found) = routing.refresh(&[route(1, connection)], LEASE_MS).await {
            assert_eq!(found, restored([device(1)]), "nobody found this connection");
            break;
        }
        connection += 1;
    }
    assert_eq!(find(&*routing, 1).await, Some(route(1, connection)));
}

pub async fn removing_ends_only_the_own_connection(factory: &impl Factory) {
    let routing = factory.create().await;
    assert!(set(&*routing, &route(1, 5)).await);
    let (other, own) = (route(1, 4), route(1, 5));
    settled(|| routing.remove(&other)).await;
    assert_eq!(find(&*routing, 1).await, Some(route(1, 5)));
    for _ in 0..2 {
        settled(|| routing.remove(&own)).await;
    }
    assert_eq!(find(&*routing, 1).await, None);
    assert!(set(&*routing, &route(1, 1)).await);
}

pub async fn a_look_up_finds_those_that_have_a_route(factory: &impl Factory) {
    let routing = factory.create().await;
    for number in [1, 3] {
        assert!(set(&*routing, &route(number, 5)).await);
    }
    let asked = [1, 2, 3, 4].map(device);
    let mut found = settled(|| routing.lookup(&asked)).await;
    found.sort_by_key(|route| route.device);
    assert_eq!(found, [route(1, 5), route(3, 5)]);
    assert_eq!(settled(|| routing.lookup(&[])).await, []);
}

pub async fn of_sixteen_connections_at_once_the_highest_stays(factory: &impl Factory) {
    let routing = factory.create().await;
    let mut tasks = JoinSet::new();
    for connection in 1..=16 {
        let routing = Arc::clone(&routing);
        tasks.spawn(async move { set(&*routing, &route(1, connection)).await });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("a connection");
    }
    assert_eq!(find(&*routing, 1).await, Some(route(1, 16)));
}
