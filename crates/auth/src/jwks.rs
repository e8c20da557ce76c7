//! The public keys that access tokens are checked with, as a JWK set (RFC 7517, RFC 8037).

use std::{collections::HashMap, fmt};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{Jwk, JwkSet, KeyAlgorithm, PublicKeyUse, ThumbprintHash},
};
use thiserror::Error;

/// Current and previous key, with room for one that is announced.
const MAX_KEYS: usize = 4;

/// Why a JWK set can't be used.
#[derive(Debug, Error)]
pub enum KeySetError {
    #[error("the key set is not a JWK set")]
    Json(#[source] serde_json::Error),
    #[error("the key set holds {0} keys, not 1 to {MAX_KEYS}")]
    Count(usize),
    #[error("a key of the set is not an Ed25519 key for EdDSA")]
    NotEdDsa,
    #[error("a key's id is not its thumbprint")]
    KeyId,
    #[error("a key could not be encoded")]
    Jwt(#[source] jsonwebtoken::errors::Error),
}

/// Keys by `kid`, which is the SHA-256 thumbprint of the key (RFC 7638).
#[derive(Clone)]
pub struct KeySet {
    keys: HashMap<String, DecodingKey>,
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.keys.keys()).finish()
    }
}

impl KeySet {
    /// Reads what `jwks_json` of [`crate::InstallationKeys`] wrote, as identity's `Describe` and
    /// `/.well-known/jwks.json` hand it out.
    pub fn from_json(text: &str) -> Result<Self, KeySetError> {
        let set: JwkSet = serde_json::from_str(text).map_err(KeySetError::Json)?;
        if set.keys.is_empty() || set.keys.len() > MAX_KEYS {
            return Err(KeySetError::Count(set.keys.len()));
        }
        let mut keys = HashMap::with_capacity(set.keys.len());
        for jwk in &set.keys {
            let (kid, key) = decoding_key(jwk)?;
            keys.insert(kid, key);
        }
        Ok(Self { keys })
    }

    pub(crate) fn get(&self, kid: &str) -> Option<&DecodingKey> {
        self.keys.get(kid)
    }
}

fn decoding_key(jwk: &Jwk) -> Result<(String, DecodingKey), KeySetError> {
    if jwk.common.key_algorithm != Some(KeyAlgorithm::EdDSA) {
        return Err(KeySetError::NotEdDsa);
    }
    let key = DecodingKey::from_jwk(jwk).map_err(KeySetError::Jwt)?;
    let is_ed25519 = key.family() == jsonwebtoken::AlgorithmFamily::Ed
        && key.try_get_as_bytes().is_ok_and(|bytes| bytes.len() == 32);
    if !is_ed25519 {
        return Err(KeySetError::NotEdDsa);
    }
    let kid = thumbprint(jwk)?;
    if jwk.common.key_id.as_deref() != Some(kid.as_str()) {
        return Err(KeySetError::KeyId);
    }
    Ok((kid, key))
}

fn thumbprint(jwk: &Jwk) -> Result<String, KeySetError> {
    jwk.thumbprint(ThumbprintHash::SHA256)
        .map_err(KeySetError::Jwt)
}

/// One public key with its `kid`.
pub(crate) fn public_jwk(public_key: &[u8; 32]) -> Result<(String, Jwk), KeySetError> {
    let key = DecodingKey::from_ed_components(&URL_SAFE_NO_PAD.encode(public_key))
        .map_err(KeySetError::Jwt)?;
    let mut jwk = Jwk::from_decoding_key(&key, Some(Algorithm::EdDSA)).map_err(KeySetError::Jwt)?;
    let kid = thumbprint(&jwk)?;
    jwk.common.key_id = Some(kid.clone());
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    Ok((kid, jwk))
}

/// The set as JSON, in the order given.
pub(crate) fn to_json(public_keys: &[[u8; 32]]) -> Result<String, KeySetError> {
    let keys = public_keys
        .iter()
        .map(|key| public_jwk(key).map(|(_, jwk)| jwk))
        .collect::<Result<Vec<_>, _>>()?;
    serde_json::to_string(&JwkSet { keys }).map_err(KeySetError::Json)
}
