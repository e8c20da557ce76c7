//! HTTP upgrade to WebSocket (RFC 6455, section 4.2), done here instead of by axum's extractor
//! because the byte budget of a stranger must sit below the WebSocket parser.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use axum::{
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::sync::OwnedSemaphorePermit;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::derive_accept_key,
        protocol::{Role, WebSocketConfig},
    },
};
use xchat_runtime::http::PeerAddress;
use xchat_types::limits;

use crate::{
    edge::Edge,
    metrics::{Arrived, metrics},
    socket::{
        budget::{Budget, Unlock},
        connection,
        lobby::Seat,
    },
};

pub(crate) type Stream = WebSocketStream<Budget<TokioIo<hyper::upgrade::Upgraded>>>;

/// A new socket and what it holds while it lives.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) stream: Stream,
    pub(crate) unlock: Unlock,
    pub(crate) socket: OwnedSemaphorePermit,
    pub(crate) seat: Seat,
}

/// Handler of `/v1/ws`.
pub(crate) async fn upgrade(State(edge): State<Arc<Edge>>, mut request: Request) -> Response {
    let accept = match accept_key(request.method(), request.headers()) {
        Ok(accept) => accept,
        Err(what) => return (StatusCode::UPGRADE_REQUIRED, what).into_response(),
    };
    let Ok(socket) = Arc::clone(&edge.sockets).try_acquire_owned() else {
        metrics().arrivals.one(Arrived::Overloaded);
        return overloaded();
    };
    let seat = edge.lobby.enter(peer(&request));
    let on_upgrade = hyper::upgrade::on(&mut request);
    let tasks = edge.tasks.clone();
    tasks.spawn_session("socket", async move {
        if let Some((stream, unlock)) = open(on_upgrade, edge.config.frames_before_login).await {
            Box::pin(connection::run(
                edge,
                Arrival {
                    stream,
                    unlock,
                    socket,
                    seat,
                },
            ))
            .await;
        }
    });
    switching(&accept)
}

/// Requests that did not come over the public listener count as one peer.
fn peer(request: &Request) -> IpAddr {
    let unknown = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let peer = request.extensions().get::<PeerAddress>();
    peer.map_or(unknown, |PeerAddress(address)| address.ip())
}

async fn open(on_upgrade: OnUpgrade, frames: u32) -> Option<(Stream, Unlock)> {
    let upgraded = tokio::time::timeout(Duration::from_secs(5), on_upgrade)
        .await
        .ok()?
        .ok()?;
    // Each frame has at most 14 bytes of header (RFC 6455, section 5.2).
    let budget = (limits::MAX_FRAME_BEFORE_LOGIN + 14).saturating_mul(frames as usize);
    let (io, unlock) = Budget::new(TokioIo::new(upgraded), budget);
    let config = WebSocketConfig::default()
        .read_buffer_size(4 * limits::KIB)
        // Frames of one turn up to this go out in one write; the buffer stays with the socket.
        .write_buffer_size(4 * limits::KIB)
        .max_write_buffer_size(2 * limits::MAX_FRAME)
        .max_message_size(Some(limits::MAX_FRAME))
        .max_frame_size(Some(limits::MAX_FRAME));
    let stream = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    Some((stream, unlock))
}

fn accept_key(method: &Method, headers: &HeaderMap) -> Result<HeaderValue, &'static str> {
    let has = |name: header::HeaderName, token: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| {
                value
                    .split(',')
                    .any(|part| part.trim().eq_ignore_ascii_case(token))
            })
    };
    if method != Method::GET
        || !has(header::CONNECTION, "upgrade")
        || !has(header::UPGRADE, "websocket")
    {
        return Err("this address speaks WebSocket: point an xchat client at it\n");
    }
    if !has(header::SEC_WEBSOCKET_VERSION, "13") {
        return Err("WebSocket version 13 is needed\n");
    }
    let key = headers
        .get(header::SEC_WEBSOCKET_KEY)
        .ok_or("Sec-WebSocket-Key is missing\n")?;
    HeaderValue::from_str(&derive_accept_key(key.as_bytes()))
        .map_err(|_| "Sec-WebSocket-Key is not valid\n")
}

fn switching(accept: &HeaderValue) -> Response {
    let headers = [
        (header::CONNECTION, HeaderValue::from_static("upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::SEC_WEBSOCKET_ACCEPT, accept.clone()),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

fn overloaded() -> Response {
    let retry = [(header::RETRY_AFTER, HeaderValue::from_static("5"))];
    (
        StatusCode::SERVICE_UNAVAILABLE,
        retry,
        "too many connections, come back in 5 s\n",
    )
        .into_response()
}
