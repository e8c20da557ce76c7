//! What every gRPC server does around its services: goes on with the caller's trace, and measures.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use http::{Request, Response};
use tonic::{Code, body::Body};
use tower::{Layer, Service};
use xchat_ports::TraceContext;

use crate::{
    meter::Label as _,
    metrics::{Method, metrics},
    trace::{Side, Span},
};

#[derive(Clone, Copy, Debug)]
pub struct Observe;

/// A service that is observed.
#[derive(Clone, Debug)]
pub struct Observed<S>(S);

impl<S> Layer<S> for Observe {
    type Service = Observed<S>;

    fn layer(&self, inner: S) -> Observed<S> {
        Observed(inner)
    }
}

impl<S, B> Service<Request<B>> for Observed<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let call = Call::of(&request);
        let answer = self.0.call(request);
        Box::pin(async move {
            // Whole: its end is what counts.
            let mut call = call;
            let answer = call.span.scope(answer).await;
            call.code = match &answer {
                Ok(response) => code(response),
                Err(_) => Code::Unknown,
            };
            answer
        })
    }
}

/// A call until it is answered, or its caller has gone.
struct Call {
    method: Method,
    span: Span,
    began: Instant,
    code: Code,
}

impl Call {
    fn of<B>(request: &Request<B>) -> Self {
        let method = Method::of(request.uri().path());
        let header = request.headers().get(TraceContext::HEADER);
        let of = header
            .and_then(|value| value.to_str().ok())
            .and_then(TraceContext::from_traceparent);
        Self {
            method,
            span: Span::continued(method.value(), Side::Server, of),
            began: Instant::now(),
            code: Code::Cancelled,
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if self.code != Code::Ok {
            self.span.fail(self.code.value());
        }
        let took = self.began.elapsed();
        metrics().rpcs.record(took, (self.method, self.code));
    }
}

/// An answer that is an error says so in its headers; the other's trailers are still to come.
fn code(response: &Response<Body>) -> Code {
    let status = response.headers().get("grpc-status");
    status.map_or(Code::Ok, |status| Code::from_bytes(status.as_bytes()))
}
