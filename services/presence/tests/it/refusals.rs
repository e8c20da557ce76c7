//! What presence does not take.

use bytes::Bytes;
use xchat_proto::{
    common::Reason,
    presence::{LookupRoutesRequest, RefreshRoutesRequest, Route, SetRouteRequest},
};
use xchat_runtime::status::failure;

use crate::{route, serve};

#[tokio::test]
async fn a_route_that_is_missing_short_or_cannot_be_called_is_malformed() {
    let (mut client, _clock) = serve();
    let short = Route {
        device_id: Bytes::from_static(b"short"),
        ..route(1, 1)
    };
    let nowhere = Route {
        gateway: String::new(),
        ..route(1, 1)
    };
    for bad in [None, Some(short), Some(nowhere), Some(route(1, 0))] {
        let request = SetRouteRequest {
            route: bad,
            lease_ms: 60_000,
        };
        let status = client.set_route(request).await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::InvalidArgument);
        assert_eq!(failure(&status).reason(), Reason::Malformed);
    }
}

#[tokio::test]
async fn a_batch_above_the_limit_is_too_large() {
    let (mut client, _clock) = serve();
    let lookup = LookupRoutesRequest {
        device_ids: vec![Bytes::from(vec![1; 16]); 10_001],
    };
    let status = client.lookup_routes(lookup).await.unwrap_err();
    assert_eq!(failure(&status).reason(), Reason::TooLarge);
    let long = Route {
        gateway: "x".repeat(128),
        ..route(1, 1)
    };
    let refresh = RefreshRoutesRequest {
        routes: vec![long; 9_000],
        lease_ms: 60_000,
    };
    let status = client.refresh_routes(refresh).await.unwrap_err();
    assert_eq!(failure(&status).reason(), Reason::TooLarge, "by its bytes");
}
