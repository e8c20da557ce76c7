//! The secrets that make an installation this installation.

use std::{fmt, path::Path};

use xchat_crypto::{PublicKey, SecretKey, derive};
use xchat_ports::Rng;
use xchat_types::ServerId;
use zeroize::Zeroizing;

use crate::{
    jwks::{self, KeySetError},
    key_file::{self, KeyFileError},
};

/// A derived 256-bit key. Wiped when dropped.
pub type Key = Zeroizing<[u8; 32]>;

/// Signing keys, and one secret from which every other key is derived by keyed hash.
///
/// Whoever holds these can issue sessions and test guesses of usernames, but reads no message.
pub struct InstallationKeys {
    pub(crate) server: SecretKey,
    pub(crate) access: SecretKey,
    pub(crate) previous_access: Option<SecretKey>,
    pub(crate) secret: Key,
}

impl fmt::Debug for InstallationKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InstallationKeys(redacted)")
    }
}

impl InstallationKeys {
    /// New keys that are stored nowhere yet.
    pub fn generate(rng: &dyn Rng) -> Self {
        Self {
            server: new_key(rng),
            access: new_key(rng),
            previous_access: None,
            secret: new_secret(rng),
        }
    }

    /// Reads the key file; where there is none, generates keys and writes it, mode 0600. An
    /// existing file is never overwritten, also when two processes start at once.
    pub fn load_or_create(path: &Path, rng: &dyn Rng) -> Result<Self, KeyFileError> {
        key_file::load_or_create(path, rng)
    }

    /// Reads the key file.
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        key_file::load(path)
    }

    /// Makes a new access key and writes it into the key file. The one until now becomes the
    /// previous one, so that tokens already issued live on; the one before it is gone. Takes effect
    /// when identity starts again. Rotate at most once in ten minutes.
    pub fn rotate_access_key(path: &Path, rng: &dyn Rng) -> Result<Self, KeyFileError> {
        let old = Self::load(path)?;
        let keys = Self {
            previous_access: Some(old.access),
            access: new_key(rng),
            server: old.server,
            secret: old.secret,
        };
        key_file::replace(path, &keys, rng)?;
        Ok(keys)
    }

    pub fn server_id(&self) -> ServerId {
        derive::server_id(&self.server.public())
    }

    /// Signs sign-up challenges and invites; its public key is what clients pin.
    pub const fn server_key(&self) -> &SecretKey {
        &self.server
    }

    pub fn server_public_key(&self) -> PublicKey {
        self.server.public()
    }

    /// Signs access tokens, and nothing else.
    pub(crate) const fn access_key(&self) -> &SecretKey {
        &self.access
    }

    /// The JWK set: current key, then the previous one.
    pub fn jwks_json(&self) -> Result<String, KeySetError> {
        let keys: Vec<[u8; 32]> = [Some(&self.access), self.previous_access.as_ref()]
            .into_iter()
            .flatten()
            .map(|key| *key.public().as_bytes())
            .collect();
        jwks::to_json(&keys)
    }

    /// Hashes usernames at rest.
    pub fn name_pepper(&self) -> Key {
        self.derived("xchat-name-pepper-v1")
    }

    /// Authenticates login nonces.
    pub fn nonce_key(&self) -> Key {
        self.derived("xchat-login-nonce-v1")
    }

    /// Authenticates refresh tokens.
    pub fn refresh_key(&self) -> Key {
        self.derived("xchat-refresh-token-v1")
    }

    /// Authenticates invites, and hashes their uses at rest.
    pub fn invite_key(&self) -> Key {
        self.derived("xchat-invite-v1")
    }

    /// Binds a claim id to its caller.
    pub fn claim_key(&self) -> Key {
        self.derived("xchat-claim-v1")
    }

    /// Maps conversations to partitions.
    pub fn partition_key(&self) -> Key {
        self.derived("xchat-partition-key-v1")
    }

    fn derived(&self, purpose: &'static str) -> Key {
        Zeroizing::new(derive::keyed_hash(&self.secret, purpose, b""))
    }
}

fn new_secret(rng: &dyn Rng) -> Key {
    let mut secret = Zeroizing::new([0; 32]);
    rng.fill(secret.as_mut_slice());
    secret
}

fn new_key(rng: &dyn Rng) -> SecretKey {
    SecretKey::from_seed(*new_secret(rng))
}
