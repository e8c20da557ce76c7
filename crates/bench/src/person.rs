//! An account with one device: its keys and certificate, and what it signs.

use std::time::UNIX_EPOCH;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use xchat_crypto::{
    Certificate, SecretKey,
    certificate::Grant,
    derive,
    login::{LoginNonce, LoginTranscript},
    proof::{self, SignedChallenge},
};
use xchat_mls::{Device, KeyPackages, Rows, Suite};
use xchat_proto::{client, convert};
use xchat_types::{AccountId, Millis, ServerId};

/// Keys of one person. Wiped with the process; the accounts are throw-away.
#[derive(Debug)]
pub(crate) struct Person {
    root: SecretKey,
    pub(crate) device: Device,
    certificate: Certificate,
    packages: KeyPackages,
}

impl Person {
    pub(crate) fn new() -> Result<Self> {
        let root = SecretKey::from_seed(random());
        let key = SecretKey::from_seed(random());
        let grant = Grant {
            root: root.public(),
            device: key.public(),
            not_before: now(),
            may_certify: true,
        };
        let certificate = Certificate::issue(&grant, &root);
        let account = derive::account_id(&root.public());
        Ok(Self {
            device: Device::new(key, account, &[certificate])?,
            root,
            certificate,
            packages: KeyPackages::load(Rows::default()),
        })
    }

    pub(crate) const fn account(&self) -> AccountId {
        self.device.account()
    }

    /// The answer to a sign-up challenge.
    pub(crate) fn register(&self, challenge: &Bytes) -> Result<client::RegisterRequest> {
        let signed = SignedChallenge::from_bytes(challenge).context("the challenge")?;
        let proof = proof::solve(signed.unverified(), &self.root.public(), &mut |_| {})?;
        Ok(client::RegisterRequest {
            signup_challenge: challenge.clone(),
            proof: Bytes::copy_from_slice(&proof.to_bytes()),
            certificate: self.certificate.to_bytes().into(),
            invite: String::new(),
            username: String::new(),
        })
    }

    /// The answer to a login nonce.
    pub(crate) fn login(&self, server: ServerId, nonce: &Bytes) -> Result<client::LoginRequest> {
        let time = now();
        let transcript = LoginTranscript {
            server,
            device: self.device.id(),
            nonce: LoginNonce::try_from(nonce.as_ref()).context("the login nonce")?,
            time,
        };
        let signature = transcript.sign(self.device.key());
        Ok(client::LoginRequest {
            device_id: convert::id_bytes(&self.device.id()),
            login_nonce: nonce.clone(),
            time_ms: time.0,
            signature: Bytes::copy_from_slice(signature.as_bytes()),
        })
    }

    /// New one-time key packages to publish.
    pub(crate) fn publications(
        &mut self,
        suite: Suite,
        count: usize,
    ) -> Result<client::PublishKeyPackagesRequest> {
        let mut packages = Vec::with_capacity(count);
        for _ in 0..count {
            let package = self.packages.generate(&self.device, suite, now(), false)?;
            packages.push(client::KeyPackage {
                suite: u32::from(suite.number()),
                last_resort: false,
                key_package: package.bytes.into_bytes().into(),
            });
        }
        Ok(client::PublishKeyPackagesRequest { packages })
    }
}

/// Random bytes from the operating system.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[allow(
        clippy::disallowed_methods,
        clippy::expect_used,
        reason = "a program's own entropy; without any there is nothing to measure"
    )]
    getrandom::fill(&mut bytes).expect("the operating system's random numbers");
    bytes
}

/// Wall clock: headers and logins carry it.
pub(crate) fn now() -> Millis {
    #[allow(
        clippy::disallowed_methods,
        reason = "a program that plays devices, each with the machine's clock"
    )]
    let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since.map_or(0, |since| since.as_millis());
    Millis(u64::try_from(millis).unwrap_or(u64::MAX))
}
