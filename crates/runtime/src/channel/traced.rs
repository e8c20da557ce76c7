//! A channel that tells the other end which trace a call belongs to.

use std::task::{Context, Poll};

use http::{HeaderValue, Request, Response};
use tonic::{
    body::Body,
    transport::{self, channel::ResponseFuture},
};
use tower::Service;
use xchat_ports::TraceContext;

use crate::trace::Span;

/// To one service, wherever it is. Clones share connections.
#[derive(Clone, Debug)]
pub struct Channel(transport::Channel);

impl From<transport::Channel> for Channel {
    fn from(channel: transport::Channel) -> Self {
        Self(channel)
    }
}

impl Channel {
    /// For calls that belong to nobody's request.
    pub fn untraced(self) -> transport::Channel {
        self.0
    }
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = transport::Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if let Some(of) = Span::current().context()
            && let Ok(value) = HeaderValue::try_from(of.to_string())
        {
            request.headers_mut().insert(TraceContext::HEADER, value);
        }
        self.0.call(request)
    }
}
