//! One device, one route.

use bytes::Bytes;
use xchat_proto::presence::{
    LookupRoutesRequest, RefreshRoutesRequest, RemoveRouteRequest, Route, SetRouteRequest,
};

use crate::{Client, route, serve};

async fn set(client: &mut Client, route: Route, lease_ms: u64) -> bool {
    let request = SetRouteRequest {
        route: Some(route),
        lease_ms,
    };
    client.set_route(request).await.unwrap().into_inner().set
}

async fn connections(client: &mut Client, device: u8) -> Vec<u64> {
    let request = LookupRoutesRequest {
        device_ids: vec![Bytes::from(vec![device; 16])],
    };
    let found = client.lookup_routes(request).await.unwrap().into_inner();
    found
        .routes
        .iter()
        .map(|route| route.connection_id)
        .collect()
}

#[tokio::test]
async fn a_later_connection_takes_the_route_and_an_earlier_one_does_not_get_it_back() {
    let (mut client, _clock) = serve();
    assert!(set(&mut client, route(1, 5), 60_000).await);
    assert!(set(&mut client, route(1, 6), 60_000).await);
    assert!(!set(&mut client, route(1, 5), 60_000).await);
    assert_eq!(connections(&mut client, 1).await, [6]);
    assert_eq!(connections(&mut client, 2).await, [] as [u64; 0]);
}

#[tokio::test]
async fn a_refresh_tells_which_devices_were_taken_over_and_prolongs_the_others() {
    let (mut client, clock) = serve();
    for (device, connection) in [(1, 1), (2, 1), (2, 2)] {
        assert!(set(&mut client, route(device, connection), 60_000).await);
    }
    clock.advance(50_000);
    let request = RefreshRoutesRequest {
        routes: vec![route(1, 1), route(2, 1)],
        lease_ms: 60_000,
    };
    let lost = client.refresh_routes(request).await.unwrap().into_inner();
    assert_eq!(lost.lost_device_ids, [Bytes::from(vec![2; 16])]);
    clock.advance(20_000);
    assert_eq!(connections(&mut client, 1).await, [1], "prolonged");
    assert_eq!(connections(&mut client, 2).await, [] as [u64; 0], "run out");
}

#[tokio::test]
async fn a_socket_that_closes_removes_only_its_own_route() {
    let (mut client, _clock) = serve();
    assert!(set(&mut client, route(1, 2), 60_000).await);
    for (connection, left) in [(1, vec![2]), (2, vec![])] {
        let request = RemoveRouteRequest {
            route: Some(route(1, connection)),
        };
        client.remove_route(request).await.unwrap();
        assert_eq!(connections(&mut client, 1).await, left);
    }
}

#[tokio::test]
async fn a_lease_asked_for_beyond_the_bounds_is_given_the_bound() {
    let (mut client, clock) = serve();
    assert!(set(&mut client, route(1, 1), 0).await);
    assert!(set(&mut client, route(2, 1), u64::MAX).await);
    clock.advance(4_999);
    assert_eq!(connections(&mut client, 1).await, [1]);
    clock.advance(1);
    assert_eq!(connections(&mut client, 1).await, [] as [u64; 0]);
    assert_eq!(connections(&mut client, 2).await, [1]);
    clock.advance(295_000);
    assert_eq!(connections(&mut client, 2).await, [] as [u64; 0]);
}
