//! Asks a server who it is, without a profile.

use std::{
    io,
    time::{Duration, Instant},
};

use thiserror::Error;
use xchat_crypto::{PublicKey, derive};
use xchat_proto::{
    API_VERSION, Message as _,
    client::{self, SignupGate, client_frame, server_frame},
};
use xchat_types::ServerId;

use crate::{profile::Server, rt, socket::Socket};

const PATIENCE: Duration = Duration::from_secs(10);

/// What a server says of itself before anybody logs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerInfo {
    pub id: ServerId,
    /// As the operator chose it: hostile text until cleaned.
    pub name: String,
    pub api_version: u32,
    /// Device time less server time, in milliseconds, give or take half of `round_trip`.
    pub clock_offset_ms: i64,
    pub round_trip: Duration,
    /// Whether signing up needs an invite.
    pub invites_only: bool,
}

/// Why nobody told.
#[derive(Debug, Error)]
pub enum ProbeError {
    #[error("the server can't be reached: {0}")]
    Unreachable(#[from] io::Error),
    /// Something listens there, but it does not answer as a server of this kind.
    #[error("what answers there is no xchat server")]
    NotXchat,
}

/// Says Hello on a socket of its own and closes it.
pub async fn probe(server: &Server) -> Result<ServerInfo, ProbeError> {
    let mut socket = Socket::connect(server).await?;
    let told = tokio::time::timeout(PATIENCE, greet(&mut socket))
        .await
        .unwrap_or(Err(ProbeError::NotXchat));
    socket.close().await;
    told
}

async fn greet(socket: &mut Socket) -> Result<ServerInfo, ProbeError> {
    let strange = || ProbeError::NotXchat;
    let hello = client::HelloRequest {
        api_version: API_VERSION,
        client: concat!("xchat-sdk/", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    let frame = client::ClientFrame {
        request_id: 1,
        body: Some(client_frame::Body::Hello(hello)),
    };
    let asked = Instant::now();
    if !socket.send(vec![frame.encode_to_vec().into()]).await {
        return Err(io::Error::from(io::ErrorKind::ConnectionReset).into());
    }
    let Some(bytes) = socket.next().await else {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    };
    let round_trip = asked.elapsed();
    let frame = client::ServerFrame::decode(bytes).map_err(|_| strange())?;
    let Some(server_frame::Body::Hello(hello)) = frame.body else {
        return Err(strange());
    };
    let key = PublicKey::try_from(hello.server_public_key.as_ref()).map_err(|_| strange())?;
    let invites_only = hello.signup_gate() == SignupGate::Invite;
    let signed = |time: u64| i64::try_from(time).unwrap_or(i64::MAX);
    Ok(ServerInfo {
        id: derive::server_id(&key),
        name: hello.server_name,
        api_version: hello.api_version,
        clock_offset_ms: signed(rt::now().0).saturating_sub(signed(hello.time_ms)),
        round_trip,
        invites_only,
    })
}
