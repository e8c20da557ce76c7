//! Before login: Hello first, then Challenge, Register, Login or Refresh; few, small and soon.

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use prost::Message as _;
use tokio_tungstenite::tungstenite::Message;
use xchat_auth::TokenError;
use xchat_proto::{
    API_VERSION,
    client::{self, ClientFrame, client_frame::Body as Ask, server_frame::Body as Tell},
    common::{Error, Reason},
    identity,
};
use xchat_runtime::status::failure;
use xchat_types::{AccountId, DeviceId, Millis, limits};

use crate::{
    edge::Edge,
    socket::{
        answer::{Answer, error},
        asked::Asked,
        upgrade::Stream,
    },
};

/// Whose socket it is, and until when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Session {
    pub(crate) account: AccountId,
    pub(crate) device: DeviceId,
    pub(crate) expires_at: Millis,
}

/// Why a socket is closed without a session. `None`: the other side left.
pub(crate) type Farewell = Option<Error>;

#[derive(Debug, Default)]
struct Greeting {
    greeted: bool,
    /// The login nonce given to this socket, until it is used: each counts once.
    nonce: Option<Bytes>,
}

/// Answers frames until one of them makes a session.
pub(crate) async fn greet(edge: &Edge, stream: &mut Stream) -> Result<Session, Farewell> {
    let mut greeting = Greeting::default();
    for number in 0..edge.config.frames_before_login {
        let wait = if number == 0 {
            edge.config.first_frame.0
        } else {
            edge.config.login.0
        };
        let frame = tokio::time::timeout(wait, next_frame(stream))
            .await
            .map_err(|_| {
                Some(error(
                    Reason::Timeout,
                    "nothing was said in time: send Hello, then log in",
                ))
            })??;
        let request_id = frame.request_id;
        let asked = Asked::begin(frame.body.as_ref());
        let answered = asked.span.scope(greeting.answer(edge, frame)).await;
        let (reply, session) = answered;
        let bytes = asked.answer(request_id, reply);
        let sent = tokio::time::timeout(
            edge.config.write_timeout.0,
            stream.send(Message::Binary(bytes)),
        );
        sent.await.map_err(|_| None)?.map_err(|_| None)?;
        if let Some(session) = session {
            return Ok(session);
        }
    }
    Err(Some(error(
        Reason::Unauthenticated,
        "too many frames before login",
    )))
}

async fn next_frame(stream: &mut Stream) -> Result<ClientFrame, Farewell> {
    loop {
        match stream.next().await {
            Some(Ok(Message::Binary(bytes))) if bytes.len() > limits::MAX_FRAME_BEFORE_LOGIN => {
                return Err(Some(error(
                    Reason::FrameTooLarge,
                    "a frame before login may have 16 KiB",
                )));
            }
            Some(Ok(Message::Binary(bytes))) => return decode(bytes),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Ok(Message::Text(_))) => return Err(Some(not_a_frame())),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(None),
        }
    }
}

pub(crate) fn decode(bytes: Bytes) -> Result<ClientFrame, Farewell> {
    let frame = ClientFrame::decode(bytes).map_err(|_| Some(not_a_frame()))?;
    if frame.request_id == 0 || frame.body.is_none() {
        return Err(Some(not_a_frame()));
    }
    Ok(frame)
}

pub(crate) fn not_a_frame() -> Error {
    error(Reason::Malformed, "that is not a frame of this protocol")
}

impl Greeting {
    async fn answer(&mut self, edge: &Edge, frame: ClientFrame) -> (Answer, Option<Session>) {
        match frame.body {
            Some(Ask::Hello(hello)) => (self.hello(edge, &hello).await, None),
            Some(_) if !self.greeted => {
                (Err(error(Reason::Unauthenticated, "say Hello first")), None)
            }
            Some(Ask::Challenge(challenge)) => (self.challenge(edge, challenge).await, None),
            Some(Ask::Register(register)) => (signup(edge, register).await, None),
            Some(Ask::Login(login)) => self.login(edge, login).await,
            Some(Ask::Refresh(ask)) => match refresh(edge, ask).await {
                Ok((reply, session)) => (Ok(Tell::Refresh(reply)), Some(session)),
                Err(error) => (Err(error), None),
            },
            _ => (Err(error(Reason::Unauthenticated, "log in first")), None),
        }
    }

    async fn hello(&mut self, edge: &Edge, hello: &client::HelloRequest) -> Answer {
        if hello.api_version != API_VERSION {
            let (client, server) = (hello.api_version, API_VERSION);
            let older = if client < server { "client" } else { "server" };
            return Err(error(
                Reason::UnsupportedVersion,
                format!(
                    "the client speaks version {client} and the server {server}: update the {older}"
                ),
            ));
        }
        self.greeted = true;
        let authority = edge.authority().await.map_err(|status| failure(&status))?;
        Ok(Tell::Hello(edge.hello(&authority)))
    }

    async fn challenge(&mut self, edge: &Edge, challenge: client::ChallengeRequest) -> Answer {
        let request = identity::ChallengeRequest {
            challenge: Some(challenge),
        };
        let reply = edge
            .identity
            .clone()
            .challenge(request)
            .await
            .map_err(|s| failure(&s))?;
        let challenge = reply.into_inner().challenge.unwrap_or_default();
        self.nonce = Some(challenge.login_nonce.clone());
        Ok(Tell::Challenge(challenge))
    }

    async fn login(
        &mut self,
        edge: &Edge,
        login: client::LoginRequest,
    ) -> (Answer, Option<Session>) {
        // Taken whatever comes of it: a nonce is good for one try.
        if self
            .nonce
            .take()
            .is_none_or(|nonce| nonce != login.login_nonce)
        {
            let message =
                "the login nonce is not one this socket was given, or was used: ask again";
            return (Err(error(Reason::ChallengeExpired, message)), None);
        }
        let request = identity::LoginRequest { login: Some(login) };
        let reply = match edge.identity.clone().login(request).await {
            Ok(reply) => reply.into_inner().login.unwrap_or_default(),
            Err(status) => return (Err(failure(&status)), None),
        };
        match session(edge, reply.session.as_ref()).await {
            Ok(session) => (Ok(Tell::Login(reply)), Some(session)),
            Err(error) => (Err(error), None),
        }
    }
}

async fn signup(edge: &Edge, register: client::RegisterRequest) -> Answer {
    let request = identity::RegisterRequest {
        register: Some(register),
    };
    let reply = edge
        .identity
        .clone()
        .register(request)
        .await
        .map_err(|s| failure(&s))?;
    Ok(Tell::Register(
        reply.into_inner().register.unwrap_or_default(),
    ))
}

/// Exchanges a refresh token, before login and in band.
pub(crate) async fn refresh(
    edge: &Edge,
    refresh: client::RefreshRequest,
) -> Result<(client::RefreshResponse, Session), Error> {
    let request = identity::RefreshRequest {
        refresh: Some(refresh),
    };
    let reply = edge
        .identity
        .clone()
        .refresh(request)
        .await
        .map_err(|s| failure(&s))?;
    let reply = reply.into_inner().refresh.unwrap_or_default();
    let session = session(edge, reply.session.as_ref()).await?;
    Ok((reply, session))
}

/// A session counts only as far as its own token verifies here, like at any other verifier. A key
/// that is not known yet is a rotation: the set is read anew once.
async fn session(edge: &Edge, issued: Option<&client::Session>) -> Result<Session, Error> {
    let token = issued.map_or("", |session| session.access_token.as_str());
    let mut authority = edge.authority().await.map_err(|status| failure(&status))?;
    let mut verified = authority.verifier.verify(token);
    if verified == Err(TokenError::UnknownKey) {
        authority = edge
            .refresh_authority()
            .await
            .map_err(|status| failure(&status))?;
        verified = authority.verifier.verify(token);
    }
    let claims = verified.map_err(|refused| error(refused.reason(), refused.to_string()))?;
    Ok(Session {
        account: claims.account,
        device: claims.device,
        expires_at: claims.expires_at,
    })
}
