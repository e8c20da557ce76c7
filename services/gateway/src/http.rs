//! The public HTTP side: the WebSocket, what a stranger may know of the server, its health.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use xchat_proto::{API_VERSION, client::SignupGate, identity::DescribeResponse};

use crate::{edge::Edge, socket::upgrade};

pub(crate) fn router(edge: Arc<Edge>) -> Router {
    Router::new()
        .route("/v1/ws", get(upgrade::upgrade))
        .route("/.well-known/xchat", get(describe))
        .route("/.well-known/jwks.json", get(jwks))
        .route("/healthz", get(health))
        .with_state(edge)
}

/// The document at `/.well-known/xchat`.
#[derive(Serialize)]
struct WellKnown<'a> {
    server_id: String,
    name: &'a str,
    api_version: u32,
    time_ms: u64,
    sign_up: &'static str,
    websocket: &'static str,
    limits: Limits,
}

#[derive(Serialize)]
struct Limits {
    application_bytes: u64,
    handshake_bytes: u64,
    unacknowledged: u32,
}

async fn describe(State(edge): State<Arc<Edge>>) -> Response {
    let Ok(authority) = edge.authority().await else {
        return unavailable();
    };
    Json(WellKnown {
        server_id: authority.server.to_hex(),
        name: &authority.description.server_name,
        api_version: API_VERSION,
        time_ms: edge.now().0,
        sign_up: sign_up(&authority.description),
        websocket: "/v1/ws",
        limits: Limits {
            application_bytes: edge.config.application_bytes.0,
            handshake_bytes: edge.config.handshake_bytes.0,
            unacknowledged: edge.config.unacknowledged,
        },
    })
    .into_response()
}

fn sign_up(description: &DescribeResponse) -> &'static str {
    match description.signup_gate() {
        SignupGate::Invite => "invite",
        SignupGate::Open | SignupGate::Unspecified => "open",
    }
}

async fn jwks(State(edge): State<Arc<Edge>>) -> Response {
    let Ok(authority) = edge.authority().await else {
        return unavailable();
    };
    let json = [(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    )];
    (json, authority.description.jwks_json.clone()).into_response()
}

async fn health(State(edge): State<Arc<Edge>>) -> Response {
    match edge.authority().await {
        Ok(_) => "ok\n".into_response(),
        Err(_) => unavailable(),
    }
}

fn unavailable() -> Response {
    let retry = [(header::RETRY_AFTER, HeaderValue::from_static("1"))];
    (
        StatusCode::SERVICE_UNAVAILABLE,
        retry,
        "identity can't be reached\n",
    )
        .into_response()
}
