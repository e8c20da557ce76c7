//! What an access token says (RFC 7519, RFC 9068), and every way in which it can be wrong.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use xchat_proto::common::Reason;
use xchat_types::{AccountId, DeviceId, Millis, ServerId};

/// `typ` of the header (RFC 9068, section 2.1): no other kind of JWT passes for a session.
pub const TOKEN_TYPE: &str = "at+jwt";
/// `aud` of every access token.
pub const AUDIENCE: &str = "xchat-api";
/// Clocks of issuer and verifier may differ by this.
pub const LEEWAY: Duration = Duration::from_secs(15);
/// No access token lives longer: verifiers remember revocations for [`crate::revocation::MEMORY`]
/// only, and refuse what would outlive that memory.
pub const MAX_LIFE: Duration = Duration::from_mins(5);
/// Ours have about 500 bytes.
pub const MAX_TOKEN_BYTES: usize = 1_024;

/// `iss` of the tokens of an installation.
pub fn issuer_name(server: &ServerId) -> String {
    format!("xchat:{}", server.to_hex())
}

/// The claims, exactly: an unknown, missing or repeated one is refused.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WireClaims {
    pub(crate) iss: String,
    pub(crate) aud: String,
    /// Account id, lower-case hexadecimal.
    pub(crate) sub: String,
    /// Device id, lower-case hexadecimal.
    pub(crate) did: String,
    /// Seconds since the Unix epoch, like the two that follow.
    pub(crate) iat: u64,
    pub(crate) nbf: u64,
    pub(crate) exp: u64,
}

/// The session that a valid token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessClaims {
    pub account: AccountId,
    pub device: DeviceId,
    /// A socket dies with its token.
    pub expires_at: Millis,
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    #[error("the token is longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    #[error("the token is not three base64url parts")]
    Malformed,
    #[error("the token's header is not exactly alg, typ and kid")]
    Header,
    #[error("the token's algorithm is not EdDSA")]
    Algorithm,
    #[error("the token's type is not {TOKEN_TYPE}")]
    Type,
    #[error("the token's key is not one of this installation")]
    UnknownKey,
    #[error("the token's signature is wrong")]
    BadSignature,
    #[error("the token's claims are not exactly iss, aud, sub, did, iat, nbf and exp")]
    Claims,
    #[error("the token is of another installation")]
    Issuer,
    #[error("the token is for another audience")]
    Audience,
    #[error("the token's subject is not an account id")]
    Subject,
    #[error("the token's device is not a device id")]
    Device,
    #[error("the token lives longer than revocations are remembered")]
    LivesTooLong,
    #[error("the token is not valid yet")]
    NotYetValid,
    #[error("the token has expired")]
    Expired,
    #[error("the device is revoked")]
    Revoked,
    #[error("revocations could not be read lately, so no token is trusted")]
    RevocationsUnknown,
}

impl TokenError {
    /// What the client is told. All forgeries look alike.
    pub const fn reason(self) -> Reason {
        match self {
            Self::Expired => Reason::TokenExpired,
            Self::Revoked => Reason::DeviceRevoked,
            Self::RevocationsUnknown => Reason::Unavailable,
            Self::TooLong
            | Self::Malformed
            | Self::Header
            | Self::Algorithm
            | Self::Type
            | Self::UnknownKey
            | Self::BadSignature
            | Self::Claims
            | Self::Issuer
            | Self::Audience
            | Self::Subject
            | Self::Device
            | Self::LivesTooLong
            | Self::NotYetValid => Reason::Unauthenticated,
        }
    }
}
