//! Exchanges a refresh token for the next one and a new access token.

use bytes::Bytes;
use xchat_crypto::{Signature, login::RefreshTranscript};
use xchat_types::{DeviceId, Millis};

use super::login::Opened;
use crate::{
    domain::{
        refresh_token::RefreshToken,
        session::{Refresh, Session},
    },
    error::Error,
    service::{Identity, check_clock},
};

/// The second look always decides: whoever came first has spent the token.
const ATTEMPTS: usize = 4;

#[derive(Debug)]
pub(crate) struct Refreshing {
    pub(crate) token: Bytes,
    pub(crate) device: DeviceId,
    pub(crate) time: Millis,
    pub(crate) signature: Signature,
}

impl Identity {
    /// A token that comes back spent ends the session, whoever sent it first: one of the two is
    /// not the device. The honest one logs in again with its key.
    pub(crate) async fn refresh_session(&self, request: Refreshing) -> Result<Opened, Error> {
        let now = self.clock.now();
        let token = RefreshToken::open(&self.secrets.refresh, &request.device, &request.token)
            .ok_or(Error::SessionEnded)?;
        check_clock(request.time, now)?;
        let (account, device) = self.active_device(request.device).await?;
        RefreshTranscript {
            server: self.keys.server_id(),
            device: request.device,
            token: &request.token,
            time: request.time,
        }
        .verify(&device.key(), &request.signature)
        .map_err(|_| Error::BadSignature)?;

        for _ in 0..ATTEMPTS {
            let stored = self.directory.read_session(request.device).await?;
            let stored = stored.ok_or(Error::SessionEnded)?;
            let session = Session::from_row(&stored)?;
            let life_ms = self.config.session_life.as_millis();
            let (next, renewed) = match session.refresh(token, now, life_ms) {
                Refresh::Renewed(next) => (next, true),
                Refresh::Reused(ended) => (ended, false),
                Refresh::Ended => return Err(Error::SessionEnded),
            };
            let swapped = self
                .directory
                .swap_session(request.device, Some(stored), next.to_row())
                .await?;
            match (swapped, renewed) {
                (true, true) => return self.opened(account, request.device, &next, now),
                (true, false) => return Err(Error::SessionEnded),
                (false, _) => {}
            }
        }
        Err(Error::Contended)
    }
}
