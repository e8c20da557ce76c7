//! Revocations from the directory store, for a verifier that shares it with identity.

use std::sync::Arc;

use async_trait::async_trait;
use xchat_ports::DirectoryStore;
use xchat_types::DeviceId;

use super::{Minute, RevocationSource, SourceError};

/// Reads one minute after the other.
#[derive(Debug)]
pub struct StoreRevocations(pub Arc<dyn DirectoryStore>);

#[async_trait]
impl RevocationSource for StoreRevocations {
    async fn read(&self, from: Minute, to: Minute) -> Result<Vec<DeviceId>, SourceError> {
        let mut devices = Vec::new();
        for minute in from.0..=to.0 {
            devices.extend(self.0.read_revocations(minute).await?);
        }
        Ok(devices)
    }
}
