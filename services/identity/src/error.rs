//! Everything that identity refuses, with its reason and one sentence for the person concerned.

use std::time::Duration;

use thiserror::Error;
use xchat_auth::issuer::IssueError;
use xchat_crypto::{CertificateError, proof::ProofError};
use xchat_mls::KeyPackageError;
use xchat_ports::PortError;
use xchat_proto::{ConvertError, common::Reason};
use xchat_runtime::{Code, ServiceError};

use crate::domain::{invite::InviteError, username::UsernameError};

#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("The request can't be read: {0}.")]
    Malformed(#[from] ConvertError),
    #[error("The request can't be read: {0}.")]
    OutOfBounds(&'static str),
    #[error("The sign-up was refused: {0}.")]
    Proof(#[from] ProofError),
    #[error("The device's certificate was refused: {0}.")]
    Certificate(#[from] CertificateError),
    #[error("This account has a device already, and adding another is not possible yet.")]
    OtherDevice,
    #[error("This server takes new accounts by invitation only; ask its operator for an invite.")]
    InviteRequired,
    #[error("The invite was refused: {0}.")]
    Invite(#[from] InviteError),
    #[error("This is not a possible username: {0}.")]
    Username(#[from] UsernameError),
    #[error("This username is taken; choose another one.")]
    UsernameTaken,
    #[error("Nobody on this server has this username; check its spelling.")]
    UsernameUnknown,
    #[error("There is no such account on this server.")]
    AccountUnknown,
    #[error("The account can't be reached now: none of its devices has left a key package.")]
    NoKeyPackages,
    #[error("Key package {position} was refused: {source}.")]
    KeyPackage {
        position: usize,
        source: KeyPackageError,
    },
    #[error("Key package {0} was refused: it is not one of this device, or not as announced.")]
    ForeignKeyPackage(usize),
    #[error("The device keeps {0} unused key packages here already.")]
    TooManyKeyPackages(u32),
    #[error("Too many requests of this kind; try again in {} s.", .0.as_secs().max(1))]
    RateLimited(Duration),
    #[error("Many people sign up at this moment; try again in a few seconds.")]
    SignupsBusy,
    #[error("This device is not registered on this server.")]
    DeviceUnknown,
    #[error("This device has been revoked.")]
    DeviceRevoked,
    #[error("The signature does not verify under this device's key.")]
    BadSignature,
    #[error("This device's clock is too far from the server's; set it right and try again.")]
    ClockSkew,
    #[error("The login took too long; try again.")]
    NonceExpired,
    #[error("The session has ended; log in again.")]
    SessionEnded,
    #[error("Another request changed the same thing; try again.")]
    Contended,
    #[error(transparent)]
    Store(#[from] PortError),
    #[error("stored row is not what was written: {0}")]
    Corrupt(&'static str),
    #[error("access token not issued")]
    Issue(#[from] IssueError),
    #[error("a blocking check ended without a result")]
    CheckLost,
}

impl ServiceError for Error {
    fn code(&self) -> Code {
        match self {
            Self::Store(error) => error.code(),
            Self::Corrupt(_) | Self::Issue(_) | Self::CheckLost => Code::Internal,
            Self::Contended => Code::Aborted,
            Self::RateLimited(_) | Self::SignupsBusy | Self::TooManyKeyPackages(_) => {
                Code::Exhausted
            }
            Self::Proof(ProofError::OutOfMemory) => Code::Exhausted,
            Self::UsernameTaken => Code::Conflict,
            Self::UsernameUnknown | Self::AccountUnknown | Self::NoKeyPackages => Code::NotFound,
            Self::DeviceUnknown
            | Self::BadSignature
            | Self::ClockSkew
            | Self::NonceExpired
            | Self::SessionEnded => Code::Unauthenticated,
            Self::DeviceRevoked | Self::InviteRequired | Self::OtherDevice => Code::Denied,
            Self::Malformed(_)
            | Self::OutOfBounds(_)
            | Self::Proof(_)
            | Self::Certificate(_)
            | Self::Invite(_)
            | Self::Username(_)
            | Self::KeyPackage { .. }
            | Self::ForeignKeyPackage(_) => Code::Invalid,
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::Malformed(_) | Self::OutOfBounds(_) => Reason::Malformed,
            Self::Proof(ProofError::Expired) | Self::NonceExpired => Reason::ChallengeExpired,
            Self::Proof(ProofError::OutOfMemory) | Self::SignupsBusy => Reason::Overloaded,
            Self::Proof(_) => Reason::ProofInvalid,
            Self::Certificate(_) | Self::OtherDevice => Reason::CertificateInvalid,
            Self::InviteRequired => Reason::InviteRequired,
            Self::Invite(_) => Reason::InviteInvalid,
            Self::Username(_) => Reason::UsernameInvalid,
            Self::UsernameTaken => Reason::UsernameTaken,
            Self::UsernameUnknown => Reason::UsernameUnknown,
            Self::AccountUnknown => Reason::AccountUnknown,
            Self::NoKeyPackages => Reason::NoKeyPackages,
            // A device makes lawful ones by its own clock: unlawful ones show that it is off.
            Self::KeyPackage {
                source: KeyPackageError::Lifetime,
                ..
            }
            | Self::ClockSkew => Reason::ClockSkew,
            Self::KeyPackage { .. } | Self::ForeignKeyPackage(_) => Reason::KeyPackageInvalid,
            Self::TooManyKeyPackages(_) => Reason::TooManyKeyPackages,
            Self::RateLimited(_) => Reason::RateLimited,
            Self::DeviceUnknown => Reason::DeviceUnknown,
            Self::DeviceRevoked => Reason::DeviceRevoked,
            Self::BadSignature => Reason::BadSignature,
            Self::SessionEnded => Reason::SessionEnded,
            Self::Contended => Reason::Unavailable,
            Self::Store(error) => error.reason(),
            Self::Corrupt(_) | Self::Issue(_) | Self::CheckLost => Reason::Internal,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        if let Self::RateLimited(wait) = self {
            return Some(*wait);
        }
        if let Self::Store(error) = self {
            return error.retry_after();
        }
        if matches!(self, Self::Contended) {
            return Some(Duration::from_millis(200));
        }
        (self.reason() == Reason::Overloaded).then_some(Duration::from_secs(5))
    }

    fn public_message(&self) -> String {
        if let Self::Store(error) = self {
            return error.public_message();
        }
        self.to_string()
    }
}
