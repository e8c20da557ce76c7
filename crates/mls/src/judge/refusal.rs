//! Why a handshake does not count.

use thiserror::Error;
use xchat_types::{JudgeVersion, RefuseReason};

use crate::{credential::CredentialError, extensions::ExtensionError, snapshot::SnapshotError};

/// What the judge says when it does not accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum JudgeError {
    /// An outcome: the record is refused, on every device alike.
    #[error("the handshake is refused: {0}")]
    Refused(#[from] Refusal),
    /// Not an outcome: stop and ask for an update. Skipping would fork the conversation.
    #[error("the conversation runs under judge version {0}, which this build does not know")]
    UnknownVersion(JudgeVersion),
    /// Not an outcome: the stored state is damaged.
    #[error("the group's stored state cannot be used: {0}")]
    Corrupt(#[from] SnapshotError),
}

/// Why a handshake is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    #[error("another commit of its epoch came first")]
    StaleEpoch,
    #[error("it is for an epoch that has not begun")]
    FutureEpoch,
    #[error("its bytes are not a handshake of its kind")]
    Malformed,
    #[error("its header says something else than its MLS message")]
    Header,
    #[error("it is not by a member")]
    NotByMember,
    #[error("its sender has left or was revoked")]
    NotMember,
    #[error("it breaks a rule of RFC 9420")]
    Invalid,
    #[error("it carries a proposal of a kind that is not allowed")]
    Proposal,
    #[error("a leaf does not verify: {0}")]
    Credential(#[from] CredentialError),
    #[error("it turns a leaf into somebody else's")]
    IdentityChanged,
    #[error(
        "a key package is younger than 24 hours, has less than 45 days to go or lives too long"
    )]
    Lifetime,
    #[error("its welcome is not for exactly the devices it adds")]
    Welcome,
    #[error("it adds an account that is not of this 1:1 conversation")]
    Outsider,
    #[error("the role of its sender does not allow it")]
    Role,
    #[error("it removes some leaves of an account but not all")]
    PartialRemoval,
    #[error("the group's extensions are not as they must be: {0}")]
    Extensions(#[from] ExtensionError),
    #[error("it changes what never changes")]
    Unchangeable,
    #[error("the timer's version does not follow the one before")]
    TimerVersion,
    #[error("it leaves the group without an owner")]
    NoOwner,
    #[error("it is larger than 512 KiB")]
    TooLarge,
    #[error("it adds more devices than one commit may")]
    TooManyAdds,
    #[error("the group would have more devices than its suite allows")]
    TooManyLeaves,
    #[error("the genesis is not one of ours")]
    Genesis,
}

impl Refusal {
    /// The outcome that the device is told.
    pub const fn reason(self) -> RefuseReason {
        match self {
            Self::StaleEpoch => RefuseReason::StaleEpoch,
            Self::NotMember => RefuseReason::NotMember,
            Self::Role => RefuseReason::DeniedByRole,
            Self::TooLarge | Self::TooManyAdds | Self::TooManyLeaves => RefuseReason::TooLarge,
            Self::FutureEpoch
            | Self::Malformed
            | Self::Header
            | Self::NotByMember
            | Self::Invalid
            | Self::Proposal
            | Self::Credential(_)
            | Self::IdentityChanged
            | Self::Lifetime
            | Self::Welcome
            | Self::Outsider
            | Self::PartialRemoval
            | Self::Extensions(_)
            | Self::Unchangeable
            | Self::TimerVersion
            | Self::NoOwner
            | Self::Genesis => RefuseReason::InvalidHandshake,
        }
    }
}
