//! Calls between services, in process and over TCP.

use std::{future, net::Ipv4Addr, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio_stream::Pending;
use tonic::{Request, Response, Status, Streaming, async_trait, service::Routes};
use xchat_proto::{
    common::Reason,
    gateway::{
        DeliverRequest, DeliverResponse,
        gateway_service_client::GatewayServiceClient,
        gateway_service_server::{GatewayService, GatewayServiceServer},
    },
    presence::{
        LookupRoutesRequest, LookupRoutesResponse, RefreshRoutesRequest, RefreshRoutesResponse,
        RemoveRouteRequest, RemoveRouteResponse, SetRouteRequest, SetRouteResponse,
        presence_service_client::PresenceServiceClient,
        presence_service_server::{PresenceService, PresenceServiceServer},
    },
};
use xchat_runtime::{
    ServiceParts, Tasks,
    channel::{self, Dialer, Remote},
    config::HumanDuration,
    lifecycle::{Ended, Plan, Role, ShutdownConfig},
    status::failure,
};

/// Answers one RPC, never answers another, fails a third.
struct Service;

#[async_trait]
impl PresenceService for Service {
    async fn set_route(
        &self,
        _: Request<SetRouteRequest>,
    ) -> Result<Response<SetRouteResponse>, Status> {
        Ok(Response::new(SetRouteResponse { set: true }))
    }

    async fn refresh_routes(
        &self,
        _: Request<RefreshRoutesRequest>,
    ) -> Result<Response<RefreshRoutesResponse>, Status> {
        future::pending().await
    }

    async fn remove_route(
        &self,
        _: Request<RemoveRouteRequest>,
    ) -> Result<Response<RemoveRouteResponse>, Status> {
        panic!("on purpose")
    }

    async fn lookup_routes(
        &self,
        request: Request<LookupRoutesRequest>,
    ) -> Result<Response<LookupRoutesResponse>, Status> {
        let count = request.into_inner().device_ids.len();
        Ok(Response::new(LookupRoutesResponse {
            routes: Vec::with_capacity(count),
        }))
    }
}

pub(crate) fn routes() -> Routes {
    let server = PresenceServiceServer::new(Service);
    Routes::new(server.max_decoding_message_size(channel::MAX_MESSAGE_BYTES))
}

async fn set(channel: channel::Channel) -> Result<bool, Status> {
    let mut client = PresenceServiceClient::new(channel);
    let answer = client.set_route(SetRouteRequest::default()).await?;
    Ok(answer.into_inner().set)
}

#[tokio::test]
async fn a_call_made_before_its_service_is_served_waits_for_it() {
    let tasks = Tasks::new();
    let (channel, incoming) = channel::pair();
    let early = set(channel.clone());
    tokio::pin!(early);
    assert!(futures_util::poll!(&mut early).is_pending());
    incoming.serve("test", routes(), &tasks);
    assert!(early.await.unwrap());
    assert!(
        tasks.stop(Duration::from_secs(5)).await,
        "the server ends with open channels"
    );
    assert_eq!(
        failure(&set(channel).await.unwrap_err()).reason(),
        Reason::Unavailable
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_answered_ends_at_the_deadline() {
    let tasks = Tasks::new();
    let mut client = PresenceServiceClient::new(channel::in_process("test", routes(), &tasks));
    let started = tokio::time::Instant::now();
    let call = client.refresh_routes(RefreshRoutesRequest::default());
    let ended = tokio::time::timeout(Duration::from_mins(1), call).await;
    let status = ended.unwrap().unwrap_err();
    assert_eq!(failure(&status).reason(), Reason::Timeout, "{status:?}");
    assert_eq!(started.elapsed().as_secs(), channel::DEADLINE.as_secs());
}

#[tokio::test]
async fn a_handler_that_panics_fails_its_call_and_the_channel_lives() {
    let tasks = Tasks::new();
    let channel = channel::in_process("test", routes(), &tasks);
    let mut client = PresenceServiceClient::new(channel.clone());
    let failed = client.remove_route(RemoveRouteRequest::default()).await;
    assert!(failed.is_err());
    assert!(set(channel).await.unwrap());
    assert!(tasks.death().is_none());
}

#[tokio::test]
async fn a_message_above_the_limit_is_refused_by_size() {
    let tasks = Tasks::new();
    let mut client = PresenceServiceClient::new(channel::in_process("test", routes(), &tasks));
    let lookup = |bytes: usize| LookupRoutesRequest {
        device_ids: vec![Bytes::from(vec![0; bytes])],
    };
    let limit = channel::MAX_MESSAGE_BYTES;
    assert!(client.lookup_routes(lookup(limit - 16)).await.is_ok());
    let status = client.lookup_routes(lookup(limit)).await.unwrap_err();
    assert_eq!(failure(&status).reason(), Reason::TooLarge, "{status:?}");
}

#[tokio::test]
async fn a_service_on_a_port_is_dialled_by_its_address_and_tells_its_health() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let mut parts = ServiceParts::new("test");
    parts.routes = Some(routes());
    let plan = Plan {
        tasks: Tasks::new(),
        roles: vec![Role {
            parts,
            local: None,
            grpc: Some(listener),
        }],
        public: None,
        mtls: None,
        shutdown: ShutdownConfig::default(),
    };
    let running = plan.start();
    assert!(running.ready().await);
    let dialer = Dialer::new(Remote::plain("test"));
    let channel = dialer.dial(&address).unwrap();
    assert!(set(channel.clone()).await.unwrap());
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel.clone());
    let request = tonic_health::pb::HealthCheckRequest {
        service: "test".to_owned(),
    };
    let answer = health.check(request).await.unwrap().into_inner();
    assert_eq!(answer.status(), tonic_health::ServingStatus::Serving.into());
    assert_eq!(running.stop().await.unwrap(), Ended::Cleanly);
    let gone = set(channel).await.unwrap_err();
    assert_eq!(failure(&gone).reason(), Reason::Unavailable, "{gone:?}");
    assert_eq!(
        ShutdownConfig::default().grace,
        HumanDuration::from_secs(10)
    );
}

#[tokio::test]
async fn a_name_of_this_process_is_dialled_like_an_address() {
    let tasks = Tasks::new();
    let here = channel::in_process("test", routes(), &tasks);
    let dialer = Dialer::new(Remote::plain("test")).with("here", here);
    assert!(set(dialer.dial("here").unwrap()).await.unwrap());
    assert!(dialer.dial("there").is_err());
}

/// Holds what a store would be.
struct Holder(#[expect(dead_code, reason = "held, not read")] Arc<()>);

#[async_trait]
impl GatewayService for Holder {
    type DeliverStream = Pending<Result<DeliverResponse, Status>>;

    async fn deliver(
        &self,
        _: Request<Streaming<DeliverRequest>>,
    ) -> Result<Response<Self::DeliverStream>, Status> {
        Ok(Response::new(tokio_stream::pending()))
    }
}

#[tokio::test]
async fn the_hard_cancellation_frees_what_a_service_holds_although_a_client_holds_on() {
    let tasks = Tasks::new();
    let held = Arc::new(());
    let weak = Arc::downgrade(&held);
    let routes = Routes::new(GatewayServiceServer::new(Holder(held)));
    let mut client = GatewayServiceClient::new(channel::in_process("test", routes, &tasks));
    let mut open = client
        .deliver(tokio_stream::pending())
        .await
        .unwrap()
        .into_inner();
    tasks.hard().cancel();
    tasks.stop(Duration::ZERO).await;
    let freed = async {
        assert!(open.message().await.is_err());
        while weak.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    };
    let limit = Duration::from_secs(10);
    assert!(tokio::time::timeout(limit, freed).await.is_ok());
}
