//! Ports whose calls are measured, and are spans of the traces that they belong to.

mod directory_store;
mod event_log;
mod message_store;
mod routing;

use std::{future::Future, sync::Arc, time::Instant};

use xchat_ports::{PortError, PortResult};
use xchat_runtime::{Span, meter::Label as _, trace::Side};

use crate::metrics::{Call, Kind, metrics};

/// A port around an adapter.
#[derive(Debug)]
pub(crate) struct Metered<P: ?Sized>(pub(crate) Arc<P>);

async fn timed<T>(call: Call, work: impl Future<Output = PortResult<T>>) -> PortResult<T> {
    let span = Span::current().child(call.value(), Side::Internal);
    let began = Instant::now();
    let result = span.scope(work).await;
    metrics().calls.record(began.elapsed(), call);
    result.inspect_err(|error| span.fail(failed(call, error).value()))
}

fn failed(call: Call, error: &PortError) -> Kind {
    let kind = Kind::from(error);
    metrics().failures.one((call, kind));
    kind
}
