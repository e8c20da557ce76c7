//! Revocations for verifiers that share no store with identity.

use xchat_auth::Minute;
use xchat_types::DeviceId;

use crate::{error::Error, service::Identity};

const MAX_MINUTES: u64 = 60;

#[derive(Debug)]
pub(crate) struct Revocations {
    pub(crate) devices: Vec<DeviceId>,
    pub(crate) now: Minute,
}

impl Identity {
    pub(crate) async fn list_revocations(
        &self,
        from: Minute,
        to: Minute,
    ) -> Result<Revocations, Error> {
        if from > to || to.0 - from.0 >= MAX_MINUTES {
            return Err(Error::OutOfBounds("1 to 60 minutes can be listed"));
        }
        let mut devices = Vec::new();
        for minute in from.0..=to.0 {
            devices.extend(self.directory.read_revocations(minute).await?);
        }
        Ok(Revocations {
            devices,
            now: Minute::of(self.clock.now()),
        })
    }
}
