//! Encoding of what the server says on a socket.

use bytes::Bytes;
use prost::Message as _;
use xchat_proto::{
    client::{self, ServerFrame, server_frame::Body},
    common::{Error, Reason},
};

/// The body of an answer, or why there is none.
pub(crate) type Answer = Result<Body, Error>;

pub(crate) fn encode(request_id: u64, body: Body) -> Bytes {
    ServerFrame {
        request_id,
        body: Some(body),
    }
    .encode_to_vec()
    .into()
}

pub(crate) fn answer(request_id: u64, answer: Answer) -> Bytes {
    encode(request_id, answer.unwrap_or_else(Body::Error))
}

/// A push: request id 0.
pub(crate) fn push(body: Body) -> Bytes {
    encode(0, body)
}

pub(crate) fn resync() -> Bytes {
    push(Body::ResyncPush(client::ResyncPush {}))
}

pub(crate) fn going_away(reason: Reason, reconnect_after_ms: u64) -> Bytes {
    push(Body::GoingAwayPush(client::GoingAwayPush {
        reason: reason.into(),
        reconnect_after_ms,
    }))
}

/// An error that the edge itself decides.
pub(crate) fn error(reason: Reason, message: impl Into<String>) -> Error {
    Error {
        reason: reason.into(),
        message: message.into(),
        retry_after_ms: 0,
        correlation_id: String::new(),
    }
}
