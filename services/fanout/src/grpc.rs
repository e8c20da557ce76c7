//! `xchat.fanout.v1`: decode, use case, encode.

mod reads;
mod submit;

use std::pin::Pin;

use futures_util::Stream;
use tonic::{Request, Response, Status, Streaming};
use xchat_proto::{
    convert,
    fanout::{
        AckRequest, AckResponse, AckWelcomeRequest, AckWelcomeResponse, FetchOutcomesRequest,
        FetchOutcomesResponse, FetchTreeRequest, FetchTreeResponse, FetchWelcomesRequest,
        FetchWelcomesResponse, ListMarksRequest, ListMarksResponse, PullRequest, PullResponse,
        SubmitRequest, SubmitResponse, fanout_service_server::FanoutService,
    },
};
use xchat_runtime::status::to_status;

use crate::{Error, usecase::Fanout};

/// The gRPC face of the use cases.
#[derive(Clone, Debug)]
pub(crate) struct Grpc(pub(crate) Fanout);

type SubmitAnswers = Pin<Box<dyn Stream<Item = Result<SubmitResponse, Status>> + Send>>;

fn answer<T>(result: Result<T, Error>) -> Result<Response<T>, Status> {
    result.map(Response::new).map_err(|error| to_status(&error))
}

#[tonic::async_trait]
impl FanoutService for Grpc {
    type SubmitStream = SubmitAnswers;

    async fn submit(
        &self,
        request: Request<Streaming<SubmitRequest>>,
    ) -> Result<Response<SubmitAnswers>, Status> {
        let batches = request.into_inner();
        Ok(Response::new(submit::answers(self.0.clone(), batches)))
    }

    async fn pull(&self, request: Request<PullRequest>) -> Result<Response<PullResponse>, Status> {
        answer(self.0.answer_pull(request.into_inner()).await)
    }

    async fn ack(&self, request: Request<AckRequest>) -> Result<Response<AckResponse>, Status> {
        answer(self.0.answer_ack(request.into_inner()).await)
    }

    async fn list_marks(
        &self,
        request: Request<ListMarksRequest>,
    ) -> Result<Response<ListMarksResponse>, Status> {
        answer(self.0.answer_list_marks(request.into_inner()).await)
    }

    async fn fetch_outcomes(
        &self,
        request: Request<FetchOutcomesRequest>,
    ) -> Result<Response<FetchOutcomesResponse>, Status> {
        answer(self.0.answer_fetch_outcomes(request.into_inner()).await)
    }

    async fn fetch_welcomes(
        &self,
        request: Request<FetchWelcomesRequest>,
    ) -> Result<Response<FetchWelcomesResponse>, Status> {
        answer(self.0.answer_fetch_welcomes(request.into_inner()).await)
    }

    async fn ack_welcome(
        &self,
        request: Request<AckWelcomeRequest>,
    ) -> Result<Response<AckWelcomeResponse>, Status> {
        answer(self.0.answer_ack_welcome(request.into_inner()).await)
    }

    async fn fetch_tree(
        &self,
        request: Request<FetchTreeRequest>,
    ) -> Result<Response<FetchTreeResponse>, Status> {
        answer(self.0.answer_fetch_tree(request.into_inner()).await)
    }
}

/// Reads an id of a request.
fn id<'a, T>(bytes: &'a bytes::Bytes, field: &'static str) -> Result<T, Error>
where
    T: TryFrom<&'a [u8], Error = xchat_types::IdError>,
{
    Ok(convert::id(bytes, field)?)
}
