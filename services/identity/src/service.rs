//! What all use cases share.

use std::{sync::Arc, thread};

use thiserror::Error;
use tokio::sync::Semaphore;
use xchat_auth::{
    InstallationKeys, TokenIssuer, installation::Key, issuer::IssueError, jwks::KeySetError,
};
use xchat_ports::{Clock, DirectoryStore, Rng};
use xchat_types::{AccountId, ClaimId, DeviceId, Millis, limits::CLOCK_STOP_MS};

use crate::{
    config::Config,
    deps::Deps,
    domain::{account::Account, device::Device},
    error::Error,
    limiter::Limiter,
};

/// Why the service can't be built.
#[derive(Debug, Error)]
pub enum BuildError {
    #[error(transparent)]
    Issuer(#[from] IssueError),
    #[error(transparent)]
    KeySet(#[from] KeySetError),
}

/// Keys derived from the installation's secret.
#[derive(Debug)]
pub(crate) struct Secrets {
    pub(crate) name_pepper: Key,
    pub(crate) nonce: Key,
    pub(crate) refresh: Key,
    pub(crate) invite: Key,
    pub(crate) claim: Key,
}

/// Rate limits, by whom they are counted.
#[derive(Debug)]
pub(crate) struct Limits {
    /// Caller and target.
    pub(crate) claims: Limiter<(AccountId, AccountId)>,
    pub(crate) lookups: Limiter<AccountId>,
    pub(crate) usernames: Limiter<AccountId>,
    pub(crate) publications: Limiter<DeviceId>,
}

/// The service. Each use case is a method in a file of its own.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) config: Config,
    pub(crate) directory: Arc<dyn DirectoryStore>,
    pub(crate) keys: Arc<InstallationKeys>,
    pub(crate) secrets: Secrets,
    pub(crate) issuer: TokenIssuer,
    pub(crate) jwks_json: String,
    pub(crate) limits: Limits,
    pub(crate) proof_permits: Arc<Semaphore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: Arc<dyn Rng>,
}

impl Identity {
    pub(crate) fn new(config: &Config, deps: Deps) -> Result<Self, BuildError> {
        let keys = deps.keys;
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            secrets: Secrets {
                name_pepper: keys.name_pepper(),
                nonce: keys.nonce_key(),
                refresh: keys.refresh_key(),
                invite: keys.invite_key(),
                claim: keys.claim_key(),
            },
            issuer: TokenIssuer::new(&keys, config.access_token_life.0)?,
            jwks_json: keys.jwks_json()?,
            limits: Limits {
                claims: Limiter::new(config.claim_limit),
                lookups: Limiter::new(config.lookup_limit),
                usernames: Limiter::new(config.username_limit),
                publications: Limiter::new(config.publish_limit),
            },
            proof_permits: Arc::new(Semaphore::new(config.proof_permits(cores))),
            config: config.clone(),
            directory: deps.directory,
            keys,
            clock: deps.clock,
            rng: deps.rng,
        })
    }

    /// The account with the stored bytes it was read from, for a compare-and-set.
    pub(crate) async fn read_account(
        &self,
        account: AccountId,
    ) -> Result<Option<(Account, bytes::Bytes)>, Error> {
        let stored = self.directory.read_account(account).await?;
        stored
            .map(|row| Ok((Account::from_row(&row)?, row)))
            .transpose()
    }

    /// A device that is registered and not revoked, with its account.
    pub(crate) async fn active_device(
        &self,
        device: DeviceId,
    ) -> Result<(AccountId, Device), Error> {
        let (account, row) = self
            .directory
            .read_device(device)
            .await?
            .ok_or(Error::DeviceUnknown)?;
        let device = Device::from_row(&row)?;
        if !device.is_active() {
            return Err(Error::DeviceRevoked);
        }
        Ok((account, device))
    }
}

/// Refuses a time of a device that is further off than a device may act with at all.
pub(crate) fn check_clock(time: Millis, now: Millis) -> Result<(), Error> {
    if time.distance(now) > CLOCK_STOP_MS {
        return Err(Error::ClockSkew);
    }
    Ok(())
}

/// Names a claim by its caller too: nobody else gets a package by repeating a claim id.
pub(crate) fn bound_claim(key: &Key, caller: &AccountId, claim: &ClaimId) -> ClaimId {
    let data = [caller.as_bytes().as_slice(), claim.as_bytes()].concat();
    let hash = xchat_crypto::derive::keyed_hash(key, "xchat-claim-v1", &data);
    let mut id = [0; ClaimId::LEN];
    id.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    ClaimId::new(id)
}
