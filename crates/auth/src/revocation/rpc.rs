//! Revocations from identity's RPC, for a verifier that shares no store with it.

use async_trait::async_trait;
use tonic::transport::Channel;
use xchat_proto::{
    convert,
    identity::{ListRevocationsRequest, identity_service_client::IdentityServiceClient},
};
use xchat_types::DeviceId;

use super::{Minute, RevocationSource, SourceError};

/// Asks over the channel that the caller also uses for logins.
#[derive(Clone, Debug)]
pub struct RpcRevocations(pub Channel);

#[async_trait]
impl RevocationSource for RpcRevocations {
    async fn read(&self, from: Minute, to: Minute) -> Result<Vec<DeviceId>, SourceError> {
        let request = ListRevocationsRequest {
            from_minute: from.0,
            to_minute: to.0,
        };
        let answer = IdentityServiceClient::new(self.0.clone())
            .list_revocations(request)
            .await
            .map_err(Box::new)?
            .into_inner();
        // Identity dates a revocation by its own clock: further apart, it would be missed.
        if answer.now_minute.abs_diff(to.0) > 1 {
            return Err(SourceError::Clock {
                source_minute: answer.now_minute,
                own_minute: to.0,
            });
        }
        answer
            .device_ids
            .iter()
            .map(|bytes| convert::id(bytes, "device_ids").map_err(|_| SourceError::Malformed))
            .collect()
    }
}
