//! Opens a session for a device that proves its key.

use bytes::Bytes;
use xchat_auth::AccessToken;
use xchat_crypto::{
    Signature,
    login::{LoginNonce, LoginTranscript},
};
use xchat_ports::ambient;
use xchat_types::{AccountId, DeviceId, Millis};

use crate::{
    domain::{
        login_nonce,
        session::{Session, SessionId},
    },
    error::Error,
    service::{Identity, check_clock},
};

/// Compare-and-sets before giving up: a device logs in on one socket at a time.
const ATTEMPTS: usize = 4;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Login {
    pub(crate) device: DeviceId,
    pub(crate) nonce: LoginNonce,
    pub(crate) time: Millis,
    pub(crate) signature: Signature,
}

/// What a device holds after login or refresh.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) account: AccountId,
    pub(crate) access: AccessToken,
    pub(crate) refresh: Bytes,
}

impl Identity {
    /// A new session ends the device's former one.
    pub(crate) async fn login(&self, request: Login) -> Result<Opened, Error> {
        let now = self.clock.now();
        if !login_nonce::is_fresh(&self.secrets.nonce, &request.nonce, now) {
            return Err(Error::NonceExpired);
        }
        check_clock(request.time, now)?;
        let (account, device) = self.active_device(request.device).await?;
        LoginTranscript {
            server: self.keys.server_id(),
            device: request.device,
            nonce: request.nonce,
            time: request.time,
        }
        .verify(&device.key(), &request.signature)
        .map_err(|_| Error::BadSignature)?;

        let id = SessionId::new(ambient::random(self.rng.as_ref()));
        let session = Session::start(id, now);
        for _ in 0..ATTEMPTS {
            let stored = self.directory.read_session(request.device).await?;
            let swapped = self
                .directory
                .swap_session(request.device, stored, session.to_row())
                .await?;
            if swapped {
                return self.opened(account, request.device, &session, now);
            }
        }
        Err(Error::Contended)
    }

    pub(super) fn opened(
        &self,
        account: AccountId,
        device: DeviceId,
        session: &Session,
        now: Millis,
    ) -> Result<Opened, Error> {
        Ok(Opened {
            account,
            access: self.issuer.issue(&account, &device, now)?,
            refresh: session.token().seal(&self.secrets.refresh, &device).into(),
        })
    }
}
