//! Issues access tokens. Only identity holds one of these.

use std::{fmt, time::Duration};

use ed25519_dalek::pkcs8::{EncodePrivateKey, KeypairBytes};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use thiserror::Error;
use xchat_types::{AccountId, DeviceId, Millis};

use crate::{
    InstallationKeys,
    jwks::{self, KeySetError},
    token::{AUDIENCE, MAX_LIFE, TOKEN_TYPE, WireClaims, issuer_name},
};

/// Why tokens can't be issued.
#[derive(Debug, Error)]
pub enum IssueError {
    #[error("an access token lives 1 s to {} s, not {} s", MAX_LIFE.as_secs(), .0.as_secs())]
    Life(Duration),
    #[error("the signing key can't be encoded")]
    Key(#[source] ed25519_dalek::pkcs8::Error),
    #[error(transparent)]
    KeySet(#[from] KeySetError),
    #[error("the token can't be signed")]
    Sign(#[source] jsonwebtoken::errors::Error),
}

/// A signed token. The text is a bearer secret: it prints redacted.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken {
    pub text: String,
    pub expires_at: Millis,
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Signs with the installation's current access key.
pub struct TokenIssuer {
    key: EncodingKey,
    header: Header,
    issuer: String,
    life_seconds: u64,
}

impl fmt::Debug for TokenIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenIssuer")
            .field("kid", &self.header.kid)
            .field("life_seconds", &self.life_seconds)
            .finish_non_exhaustive()
    }
}

impl TokenIssuer {
    /// `life` is at most [`MAX_LIFE`], in whole seconds.
    pub fn new(keys: &InstallationKeys, life: Duration) -> Result<Self, IssueError> {
        if life.as_secs() == 0 || life > MAX_LIFE {
            return Err(IssueError::Life(life));
        }
        let current = keys.access_key();
        // PKCS#8 version 1, without the public key: the only form that the library reads.
        let der = KeypairBytes {
            secret_key: *current.seed(),
            public_key: None,
        }
        .to_pkcs8_der()
        .map_err(IssueError::Key)?;
        let (kid, _) = jwks::public_jwk(current.public().as_bytes())?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TOKEN_TYPE.to_owned());
        header.kid = Some(kid);
        Ok(Self {
            key: EncodingKey::from_ed_der(der.as_bytes()),
            header,
            issuer: issuer_name(&keys.server_id()),
            life_seconds: life.as_secs(),
        })
    }

    pub fn issue(
        &self,
        account: &AccountId,
        device: &DeviceId,
        now: Millis,
    ) -> Result<AccessToken, IssueError> {
        let iat = now.seconds();
        let exp = iat.saturating_add(self.life_seconds);
        let claims = WireClaims {
            iss: self.issuer.clone(),
            aud: AUDIENCE.to_owned(),
            sub: account.to_hex(),
            did: device.to_hex(),
            iat,
            nbf: iat,
            exp,
        };
        let text =
            jsonwebtoken::encode(&self.header, &claims, &self.key).map_err(IssueError::Sign)?;
        Ok(AccessToken {
            text,
            expires_at: Millis(exp.saturating_mul(1_000)),
        })
    }
}
