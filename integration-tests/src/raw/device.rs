//! An account with one device: its keys and certificate, and what it signs.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use xchat_crypto::{
    Certificate, SecretKey,
    certificate::Grant,
    derive,
    login::{LoginNonce, LoginTranscript},
    proof::{self, SignedChallenge},
};
use xchat_mls::{KeyPackages, Rows, Suite};
use xchat_proto::{client, convert};
use xchat_types::{AccountId, Millis, ServerId};

use super::random;

#[derive(Debug)]
pub struct Device {
    root: SecretKey,
    certificate: Certificate,
    packages: KeyPackages,
    pub mls: xchat_mls::Device,
}

impl Default for Device {
    fn default() -> Self {
        Self::new()
    }
}

impl Device {
    pub fn new() -> Self {
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
        Self {
            mls: xchat_mls::Device::new(key, account, &[certificate]).expect("a device"),
            root,
            certificate,
            packages: KeyPackages::load(Rows::default()),
        }
    }

    pub fn account(&self) -> AccountId {
        self.mls.account()
    }

    /// The answer to a sign-up challenge.
    pub fn register(&self, challenge: &Bytes) -> client::RegisterRequest {
        let signed = SignedChallenge::from_bytes(challenge).expect("a challenge");
        let proof = proof::solve(signed.unverified(), &self.root.public(), &mut |_| {});
        let proof = proof.expect("a proof of work");
        client::RegisterRequest {
            signup_challenge: challenge.clone(),
            proof: Bytes::copy_from_slice(&proof.to_bytes()),
            certificate: self.certificate.to_bytes().into(),
            invite: String::new(),
            username: String::new(),
        }
    }

    /// The answer to a login nonce.
    pub fn login(&self, server: ServerId, nonce: &Bytes) -> client::LoginRequest {
        let time = now();
        let transcript = LoginTranscript {
            server,
            device: self.mls.id(),
            nonce: LoginNonce::try_from(nonce.as_ref()).expect("a login nonce"),
            time,
        };
        let signature = transcript.sign(self.mls.key());
        client::LoginRequest {
            device_id: convert::id_bytes(&self.mls.id()),
            login_nonce: nonce.clone(),
            time_ms: time.0,
            signature: Bytes::copy_from_slice(signature.as_bytes()),
        }
    }

    /// One new one-time key package of the classical suite, to publish.
    pub fn publication(&mut self) -> client::PublishKeyPackagesRequest {
        let suite = Suite::Classical;
        let package = self.packages.generate(&self.mls, suite, now(), false);
        let package = package.expect("a key package");
        client::PublishKeyPackagesRequest {
            packages: vec![client::KeyPackage {
                suite: u32::from(suite.number()),
                last_resort: false,
                key_package: package.bytes.into_bytes().into(),
            }],
        }
    }
}

/// Wall clock: headers and logins carry it.
pub(crate) fn now() -> Millis {
    #[allow(
        clippy::disallowed_methods,
        reason = "test code: plays a device, which has the machine's clock"
    )]
    let now = SystemTime::now();
    let since = now.duration_since(UNIX_EPOCH).expect("a clock that is set");
    Millis(u64::try_from(since.as_millis()).expect("this millennium"))
}
