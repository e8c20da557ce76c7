//! A request of a device from its frame to its answer: one span, one measurement.

use std::time::Instant;

use bytes::Bytes;
use xchat_proto::client::client_frame::Body;
use xchat_runtime::{Span, meter::Label as _};

use crate::{
    metrics::{Request, metrics},
    socket::answer::{self, Answer},
};

#[derive(Debug)]
pub(crate) struct Asked {
    request: Request,
    /// The root of a trace, if this one is sampled: whatever a device sends, it has no say in it.
    pub(crate) span: Span,
    began: Instant,
}

impl Asked {
    pub(crate) fn begin(body: Option<&Body>) -> Self {
        let request = Request::of(body);
        Self {
            request,
            span: Span::root(request.span()),
            began: Instant::now(),
        }
    }

    /// Ends it with its answer, encoded.
    pub(crate) fn answer(self, request_id: u64, answer: Answer) -> Bytes {
        let took = self.began.elapsed();
        metrics().requests.record(took, self.request);
        if let Err(refused) = &answer {
            let reason = refused.reason();
            metrics().refusals.one(reason);
            self.span.fail(reason.value());
        }
        answer::answer(request_id, answer)
    }
}
