//! Traces: spans with static names, from the edge over the log to a socket.
//!
//! The edge begins traces ([`Span::root`]) and decides which are sampled; everything behind it
//! goes on with those alone ([`Span::continued`]), so that the others cost nothing. Nothing that a
//! client sends is read: it can neither name its trace nor have it sampled. A span has what its
//! code gives it: no id of an account, a device or a conversation, no size of a content.

use std::{future::Future, sync::OnceLock};

use opentelemetry::{
    Context, KeyValue, SpanId, TraceFlags, TraceId,
    trace::{
        FutureExt as _, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt as _,
        TraceState, Tracer as _,
    },
};
use opentelemetry_sdk::trace::SdkTracer;
use xchat_ports::TraceContext;

/// Set once, by a process that exports.
static TRACER: OnceLock<SdkTracer> = OnceLock::new();

pub(crate) fn export_to(tracer: SdkTracer) {
    // A second one comes from a test that starts several servers: the first stays.
    let _ = TRACER.set(tracer);
}

/// Where a span stands between its trace's other spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Within a service.
    Internal,
    /// Answers a call.
    Server,
    /// Hands over to what takes it later.
    Producer,
    /// Takes what was handed over.
    Consumer,
}

impl From<Side> for SpanKind {
    fn from(side: Side) -> Self {
        match side {
            Side::Internal => Self::Internal,
            Side::Server => Self::Server,
            Side::Producer => Self::Producer,
            Side::Consumer => Self::Consumer,
        }
    }
}

/// A span of a sampled trace, or nothing. It ends when its last clone is dropped.
#[derive(Clone, Debug, Default)]
pub struct Span(Option<Context>);

impl Span {
    pub const fn none() -> Self {
        Self(None)
    }

    /// Begins a trace, if it is to be sampled. For the edge alone.
    pub fn root(name: &'static str) -> Self {
        Self::begin(name, Side::Server, &Context::new())
    }

    /// Goes on with a trace of another process, or of what the log holds.
    pub fn continued(name: &'static str, side: Side, of: Option<TraceContext>) -> Self {
        let Some(of) = of else { return Self::none() };
        let parent = SpanContext::new(
            TraceId::from_bytes(of.trace()),
            SpanId::from_bytes(of.span()),
            TraceFlags::SAMPLED,
            true,
            TraceState::default(),
        );
        Self::begin(name, side, &Context::new().with_remote_span_context(parent))
    }

    /// A part of this span's work.
    pub fn child(&self, name: &'static str, side: Side) -> Self {
        match &self.0 {
            Some(context) => Self::begin(name, side, context),
            None => Self::none(),
        }
    }

    pub const fn is_sampled(&self) -> bool {
        self.0.is_some()
    }

    /// What the running future was given by [`Span::scope`].
    pub fn current() -> Self {
        Context::map_current(|context| {
            let sampled = context.span().span_context().is_sampled();
            Self(sampled.then(|| context.clone()))
        })
    }

    fn begin(name: &'static str, side: Side, parent: &Context) -> Self {
        let Some(tracer) = TRACER.get() else {
            return Self::none();
        };
        let builder = SpanBuilder::from_name(name).with_kind(side.into());
        let span = tracer.build_with_context(builder, parent);
        let context = Context::new().with_span(span);
        let sampled = context.span().span_context().is_sampled();
        Self(sampled.then_some(context))
    }

    /// For what goes on with this trace elsewhere.
    pub fn context(&self) -> Option<TraceContext> {
        let context = self.0.as_ref()?;
        let span = context.span();
        let of = span.span_context();
        TraceContext::new(of.trace_id().to_bytes(), of.span_id().to_bytes())
    }

    /// As a `traceparent`; empty for nothing.
    pub fn traceparent(&self) -> String {
        self.context()
            .map(|context| context.to_string())
            .unwrap_or_default()
    }

    /// A field with a value of a closed set.
    pub fn set(&self, field: &'static str, value: &'static str) {
        if let Some(context) = &self.0 {
            context.span().set_attribute(KeyValue::new(field, value));
        }
    }

    /// A field that is a number.
    pub fn set_count(&self, field: &'static str, count: usize) {
        if let Some(context) = &self.0 {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            context.span().set_attribute(KeyValue::new(field, count));
        }
    }

    /// What the span stands for has failed, for a reason of a closed set.
    pub fn fail(&self, reason: &'static str) {
        if let Some(context) = &self.0 {
            context.span().set_status(Status::error(reason));
        }
    }

    /// Makes this the current span of a future, and of log lines that it writes.
    pub async fn scope<F: Future>(&self, future: F) -> F::Output {
        match &self.0 {
            Some(context) => future.with_context(context.clone()).await,
            None => future.await,
        }
    }
}
