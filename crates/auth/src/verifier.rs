//! Strict verification of access tokens (RFC 7519; RFC 8725, sections 3.1, 3.9 and 3.11).

use std::sync::{Arc, PoisonError, RwLock};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, Validation, errors::ErrorKind};
use serde::Deserialize;
use xchat_ports::Clock;
use xchat_types::{AccountId, DeviceId, Millis, ServerId};

use crate::{
    jwks::KeySet,
    revocation::RevocationList,
    token::{
        AUDIENCE, AccessClaims, LEEWAY, MAX_LIFE, MAX_TOKEN_BYTES, TOKEN_TYPE, TokenError,
        WireClaims, issuer_name,
    },
};

/// The header, exactly: whatever else it carries (`crit`, `jwk`, `jku`, `x5u`, …) is refused, and
/// so is a name that stands there twice.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StrictHeader {
    alg: String,
    typ: String,
    kid: String,
}

/// Checks access tokens of one installation. Cheap to share; clones nothing.
#[derive(Debug)]
pub struct Verifier {
    keys: RwLock<KeySet>,
    validation: Validation,
    revocations: Arc<RevocationList>,
    clock: Arc<dyn Clock>,
}

impl Verifier {
    pub fn new(
        server: &ServerId,
        keys: KeySet,
        revocations: Arc<RevocationList>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[issuer_name(server)]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub", "nbf"]);
        // Times are checked below, against our own clock.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Self {
            keys: RwLock::new(keys),
            validation,
            revocations,
            clock,
        }
    }

    /// Takes over a set that was read anew, after [`TokenError::UnknownKey`] told of a rotation.
    pub fn replace_keys(&self, keys: KeySet) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    pub fn verify(&self, token: &str) -> Result<AccessClaims, TokenError> {
        let kid = check_header(token)?;
        let claims = self.check_signature(token, &kid)?;
        let account = subject(&claims.sub)?;
        let device = device(&claims.did)?;
        check_times(&claims, self.clock.now())?;
        self.revocations.check(&device)?;
        Ok(AccessClaims {
            account,
            device,
            expires_at: Millis(claims.exp.saturating_mul(1_000)),
        })
    }

    /// For sockets that are open already: whether the device may go on.
    pub fn check_device(&self, device: &DeviceId) -> Result<(), TokenError> {
        self.revocations.check(device)
    }

    pub fn revocations(&self) -> &Arc<RevocationList> {
        &self.revocations
    }

    fn check_signature(&self, token: &str, kid: &str) -> Result<WireClaims, TokenError> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let key = keys.get(kid).ok_or(TokenError::UnknownKey)?;
        jsonwebtoken::decode(token, key, &self.validation)
            .map(|token| token.claims)
            .map_err(|error| refusal(error.kind()))
    }
}

/// Reads the header without trusting it; returns the key's name.
fn check_header(token: &str) -> Result<String, TokenError> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(TokenError::TooLong);
    }
    let mut parts = token.split('.');
    let (Some(header), Some(claims), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(TokenError::Malformed);
    };
    let decode = |part: &str| {
        URL_SAFE_NO_PAD
            .decode(part)
            .map_err(|_| TokenError::Malformed)
    };
    decode(claims)?;
    if decode(signature)?.is_empty() {
        return Err(TokenError::BadSignature);
    }
    let header: StrictHeader =
        serde_json::from_slice(&decode(header)?).map_err(|_| TokenError::Header)?;
    if header.alg != "EdDSA" {
        return Err(TokenError::Algorithm);
    }
    if header.typ != TOKEN_TYPE {
        return Err(TokenError::Type);
    }
    Ok(header.kid)
}

#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "the library's list may grow: whatever else it finds wrong is a refusal"
)]
const fn refusal(kind: &ErrorKind) -> TokenError {
    match kind {
        ErrorKind::InvalidSignature => TokenError::BadSignature,
        ErrorKind::InvalidIssuer => TokenError::Issuer,
        ErrorKind::InvalidAudience => TokenError::Audience,
        ErrorKind::InvalidAlgorithm => TokenError::Algorithm,
        ErrorKind::Json(_) | ErrorKind::MissingRequiredClaim(_) => TokenError::Claims,
        _ => TokenError::Malformed,
    }
}

fn subject(text: &str) -> Result<AccountId, TokenError> {
    AccountId::from_hex(text)
        .ok()
        .filter(|id| id.to_hex() == text)
        .ok_or(TokenError::Subject)
}

fn device(text: &str) -> Result<DeviceId, TokenError> {
    DeviceId::from_hex(text)
        .ok()
        .filter(|id| id.to_hex() == text)
        .ok_or(TokenError::Device)
}

fn check_times(claims: &WireClaims, now: Millis) -> Result<(), TokenError> {
    let now = now.seconds();
    let leeway = LEEWAY.as_secs();
    let begins = claims.nbf.min(claims.iat);
    if claims.exp <= begins || claims.exp - begins > MAX_LIFE.as_secs() {
        return Err(TokenError::LivesTooLong);
    }
    if claims.nbf.max(claims.iat) > now.saturating_add(leeway) {
        return Err(TokenError::NotYetValid);
    }
    if claims.exp.saturating_add(leeway) <= now {
        return Err(TokenError::Expired);
    }
    Ok(())
}
