//! The stream of `Submit`: one batch at a time, so that a device's records keep their order.

use futures_util::stream;
use tonic::{Status, Streaming};
use xchat_ports::TraceContext;
use xchat_proto::fanout::{
    Accepted, SubmitItem, SubmitRequest, SubmitResponse, SubmitResult,
    submit_result::Result as Kind,
};
use xchat_runtime::{Span, status::to_failure, trace::Side};

use super::{SubmitAnswers, id};
use crate::{
    Error,
    usecase::{Fanout, Submission},
};

pub(super) fn answers(fanout: Fanout, batches: Streaming<SubmitRequest>) -> SubmitAnswers {
    Box::pin(stream::try_unfold(
        (fanout, batches),
        |(fanout, mut batches)| async move {
            let Some(batch) = batches.message().await? else {
                return Ok::<_, Status>(None);
            };
            let answer = submit(&fanout, batch).await;
            Ok(Some((answer, (fanout, batches))))
        },
    ))
}

async fn submit(fanout: &Fanout, batch: SubmitRequest) -> SubmitResponse {
    let mut read = Vec::new();
    let mut submissions = Vec::new();
    for item in batch.items {
        read.push(decode(item).map(|submission| submissions.push(submission)));
    }
    let mut submitted = fanout.submit(submissions).await.into_iter();
    let results = read
        .into_iter()
        .map(|read| {
            read?;
            submitted.next().ok_or(Error::Missing("an answer"))?
        })
        .map(|result| {
            let kind = match result {
                Ok(appended) => Kind::Accepted(Accepted {
                    appended_at_ms: appended.appended_at.0,
                }),
                Err(error) => Kind::Error(to_failure(&error)),
            };
            SubmitResult { result: Some(kind) }
        })
        .collect();
    SubmitResponse {
        batch_id: batch.batch_id,
        results,
    }
}

fn decode(item: SubmitItem) -> Result<Submission, Error> {
    let of = TraceContext::from_traceparent(&item.traceparent);
    Ok(Submission {
        conversation: id(&item.conversation_id, "conversation_id")?,
        record: item.record,
        span: Span::continued("fanout.submit", Side::Server, of),
    })
}
