//! `xchat.identity.v1.IdentityService`: decode, use case, encode.

mod decode;
mod encode;

use std::sync::Arc;

use tonic::{Request, Response, Status, service::Routes};
use xchat_auth::Minute;
use xchat_proto::identity::{
    self as pb,
    identity_service_server::{IdentityService, IdentityServiceServer},
};
use xchat_runtime::{channel::MAX_MESSAGE_BYTES, status::to_status};

use crate::{
    error::Error,
    metrics::{Package, Way, metrics},
    service::Identity,
};

type Answer<T> = Result<Response<T>, Status>;

#[derive(Debug)]
struct Grpc(Arc<Identity>);

pub(crate) fn routes(service: Arc<Identity>) -> Routes {
    Routes::new(
        IdentityServiceServer::new(Grpc(service)).max_decoding_message_size(MAX_MESSAGE_BYTES),
    )
}

fn refuse(error: impl Into<Error>) -> Status {
    to_status(&error.into())
}

#[async_trait::async_trait]
impl IdentityService for Grpc {
    async fn describe(&self, _: Request<pb::DescribeRequest>) -> Answer<pb::DescribeResponse> {
        Ok(Response::new(encode::description(self.0.describe())))
    }

    async fn challenge(&self, _: Request<pb::ChallengeRequest>) -> Answer<pb::ChallengeResponse> {
        Ok(Response::new(encode::challenges(&self.0.challenge())))
    }

    async fn register(
        &self,
        request: Request<pb::RegisterRequest>,
    ) -> Answer<pb::RegisterResponse> {
        let registration = decode::registration(request.into_inner()).map_err(refuse)?;
        let account = self.0.register_account(registration).await;
        let account = account.map_err(refuse)?;
        metrics().signups.one(());
        Ok(Response::new(encode::registered(&account)))
    }

    async fn login(&self, request: Request<pb::LoginRequest>) -> Answer<pb::LoginResponse> {
        let login = decode::login(request.into_inner()).map_err(refuse)?;
        let session = self.0.login(login).await.map_err(refuse)?;
        metrics().sessions.one(Way::Login);
        Ok(Response::new(encode::logged_in(session)))
    }

    async fn refresh(&self, request: Request<pb::RefreshRequest>) -> Answer<pb::RefreshResponse> {
        let refreshing = decode::refreshing(request.into_inner()).map_err(refuse)?;
        let session = self.0.refresh_session(refreshing).await.map_err(refuse)?;
        metrics().sessions.one(Way::Refresh);
        Ok(Response::new(encode::refreshed(session)))
    }

    async fn set_username(
        &self,
        request: Request<pb::SetUsernameRequest>,
    ) -> Answer<pb::SetUsernameResponse> {
        let (account, name) = decode::set_username(request.into_inner()).map_err(refuse)?;
        let username = self.0.set_username(account, &name).await.map_err(refuse)?;
        Ok(Response::new(encode::username(&username)))
    }

    async fn lookup_username(
        &self,
        request: Request<pb::LookupUsernameRequest>,
    ) -> Answer<pb::LookupUsernameResponse> {
        let (caller, name) = decode::lookup_username(request.into_inner()).map_err(refuse)?;
        let account = self.0.lookup_username(caller, &name).await;
        account
            .map(|account| Response::new(encode::looked_up(&account)))
            .map_err(refuse)
    }

    async fn publish_key_packages(
        &self,
        request: Request<pb::PublishKeyPackagesRequest>,
    ) -> Answer<pb::PublishKeyPackagesResponse> {
        let publication = decode::publication(request.into_inner()).map_err(refuse)?;
        let (account, device, packages) = publication;
        let published = self.0.publish_key_packages(account, device, packages).await;
        published
            .map(|()| Response::new(encode::published()))
            .map_err(refuse)
    }

    async fn count_key_packages(
        &self,
        request: Request<pb::CountKeyPackagesRequest>,
    ) -> Answer<pb::CountKeyPackagesResponse> {
        let device = decode::count(&request.into_inner()).map_err(refuse)?;
        let counts = self.0.count_key_packages(device).await.map_err(refuse)?;
        Ok(Response::new(encode::counts(&counts)))
    }

    async fn claim_key_packages(
        &self,
        request: Request<pb::ClaimKeyPackagesRequest>,
    ) -> Answer<pb::ClaimKeyPackagesResponse> {
        let claim = decode::claim(request.into_inner()).map_err(refuse)?;
        let claimed = self
            .0
            .claim_key_packages(claim.caller, claim.target, claim.suite, claim.id)
            .await;
        let packages = claimed.map_err(refuse)?;
        for package in &packages {
            let last = package.last_resort;
            let kind = if last {
                Package::LastResort
            } else {
                Package::OneTime
            };
            metrics().claimed.one(kind);
        }
        Ok(Response::new(encode::claimed(packages)))
    }

    async fn list_revocations(
        &self,
        request: Request<pb::ListRevocationsRequest>,
    ) -> Answer<pb::ListRevocationsResponse> {
        let request = request.into_inner();
        let (from, to) = (Minute(request.from_minute), Minute(request.to_minute));
        let revocations = self.0.list_revocations(from, to).await.map_err(refuse)?;
        Ok(Response::new(encode::revocations(&revocations)))
    }
}
