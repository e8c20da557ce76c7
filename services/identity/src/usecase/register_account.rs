//! Creates an account with its first device.
//!
//! What is cheap to check is checked first: signatures and dates, then one SHA-256, and only then,
//! a few at a time, one Argon2id. Then the name is claimed, so that a taken one leaves nothing
//! behind, then account and device are written. Every step is idempotent, so a crash between any
//! two is mended by the same request again; the proof is bound to the root key, so the same request
//! is all that it can be used for.

use std::sync::Arc;

use tokio::{task, time};
use xchat_crypto::{
    Certificate, PublicKey, certificate,
    derive::account_id,
    proof::{self, Challenge, Proof, ProofError, SignedChallenge},
};
use xchat_ports::{PortError, directory_store::NameClaim};
use xchat_types::{AccountId, DeviceId, Millis, limits::CLOCK_STOP_MS};

use crate::{
    config::SignupGate,
    domain::{account::Account, device::Device, invite::Invite, username::Username},
    error::Error,
    service::Identity,
};

#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) challenge: SignedChallenge,
    pub(crate) proof: Proof,
    pub(crate) certificate: Certificate,
    pub(crate) invite: Option<String>,
    pub(crate) username: Option<String>,
}

impl Identity {
    pub(crate) async fn register_account(&self, request: Registration) -> Result<AccountId, Error> {
        let now = self.clock.now();
        let challenge = request.challenge.verify(&self.keys.server_public_key())?;
        challenge.check_date(now)?;
        let root = request.certificate.root();
        let account = account_id(&root);
        let device = certificate::verify_chain(account, &[request.certificate])?.device_id;
        if now.until(request.certificate.not_before()) > CLOCK_STOP_MS {
            return Err(Error::ClockSkew);
        }
        let username = request
            .username
            .as_deref()
            .map(Username::parse)
            .transpose()?;
        let invite = self.open_invite(request.invite.as_deref(), now)?;
        self.check_proof(challenge, root, request.proof).await?;

        let known = self.known_device(account, device).await?;
        if let Some(invite) = invite.filter(|_| !known) {
            self.use_invite(&invite, account, now).await?;
        }
        self.ensure_account(account, root, username.as_ref(), now)
            .await?;
        if !known {
            let row = Device {
                certificate: request.certificate,
                registered_at: now,
                revoked_at: None,
            };
            self.directory
                .write_device(account, device, row.to_row())
                .await?;
        }
        Ok(account)
    }

    fn open_invite(&self, text: Option<&str>, now: Millis) -> Result<Option<Invite>, Error> {
        match (self.config.signup_gate, text) {
            (SignupGate::Open, _) => Ok(None),
            (SignupGate::Invite, None) => Err(Error::InviteRequired),
            (SignupGate::Invite, Some(text)) => {
                Ok(Some(Invite::open(&self.secrets.invite, text, now)?))
            }
        }
    }

    async fn check_proof(
        &self,
        challenge: Challenge,
        root: PublicKey,
        proof: Proof,
    ) -> Result<(), Error> {
        proof::check_target(&challenge, &root, &proof)?;
        if challenge.effort == 0 {
            return Ok(());
        }
        let permits = Arc::clone(&self.proof_permits).acquire_owned();
        let permit = time::timeout(self.config.proof_wait.0, permits)
            .await
            .map_err(|_| Error::SignupsBusy)?
            .map_err(|_| Error::CheckLost)?;
        // The permit goes with the work: a caller who hangs up does not make room for another.
        let check = task::spawn_blocking(move || {
            let outcome = proof::check_work(&challenge, &root, &proof);
            drop(permit);
            outcome
        });
        let outcome: Result<(), ProofError> = check.await.map_err(|_| Error::CheckLost)?;
        Ok(outcome?)
    }

    /// Whether the device is registered already. Another device of the account is refused: adding
    /// devices has a way of its own.
    async fn known_device(&self, account: AccountId, device: DeviceId) -> Result<bool, Error> {
        let devices = self.directory.list_devices(account).await?;
        if devices.is_empty() {
            return Ok(false);
        }
        let row = devices.iter().find(|(id, _)| *id == device);
        let (_, row) = row.ok_or(Error::OtherDevice)?;
        if !Device::from_row(row)?.is_active() {
            return Err(Error::DeviceRevoked);
        }
        Ok(true)
    }

    async fn ensure_account(
        &self,
        account: AccountId,
        root: PublicKey,
        username: Option<&Username>,
        now: Millis,
    ) -> Result<(), Error> {
        let name = username.map(|name| name.hash(&self.secrets.name_pepper));
        if let Some(name) = name
            && self.directory.claim_name(name, account, now).await? == NameClaim::Taken
        {
            return Err(Error::UsernameTaken);
        }
        if self.read_account(account).await?.is_none() {
            let new = Account {
                root,
                created_at: now,
                name,
                retiring: None,
            };
            match self.directory.create_account(account, new.to_row()).await {
                Ok(()) => return Ok(()),
                // Somebody sent the same registration at the same time.
                Err(PortError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        match username {
            Some(username) => self.bind_username(account, username, now).await,
            None => Ok(()),
        }
    }
}
