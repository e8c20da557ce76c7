//! What can go wrong at the service's edge, and in the worker.

use std::time::Duration;

use thiserror::Error;
use xchat_ports::PortError;
use xchat_proto::{ConvertError, common::Reason};
use xchat_runtime::{Code, ServiceError};

use crate::{domain::Stop, rows::Damaged};

#[derive(Debug, Error)]
pub enum Error {
    #[error("malformed: {0}")]
    Malformed(#[from] ConvertError),
    #[error("the record can't be read: {0}")]
    Undecodable(#[from] crate::domain::record::Undecodable),
    #[error("a signature of the record does not hold")]
    BadSignature,
    #[error("the device is not in this conversation")]
    NotMember,
    #[error("this conversation is not known here")]
    ConversationUnknown,
    /// The device knows more than the server, which was restored from an older state.
    #[error("the cursor lies above the head")]
    RolledBack,
    #[error("there is nothing under this epoch")]
    NotFound,
    /// Taking more would risk what is there.
    #[error("records wait too long in the log; nothing new is taken")]
    LogLag,
    #[error(transparent)]
    Port(#[from] PortError),
    #[error("a stored row is damaged: {0}")]
    Damaged(#[from] Damaged),
    #[error("the fold stops: {0}")]
    Stop(#[from] Stop),
    #[error("a row that the head names is missing: {0}")]
    Missing(&'static str),
    #[error("fanout has been stopped")]
    Stopped,
}

impl ServiceError for Error {
    fn code(&self) -> Code {
        match self {
            Self::Malformed(_) | Self::Undecodable(_) => Code::Invalid,
            Self::BadSignature | Self::NotMember => Code::Denied,
            Self::ConversationUnknown | Self::NotFound => Code::NotFound,
            Self::RolledBack => Code::Conflict,
            Self::LogLag | Self::Stopped => Code::Unavailable,
            Self::Port(cause) => cause.code(),
            Self::Damaged(_) | Self::Stop(_) | Self::Missing(_) => Code::Internal,
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::Malformed(_) | Self::Undecodable(_) => Reason::Malformed,
            Self::BadSignature => Reason::BadSignature,
            Self::NotMember => Reason::NotMember,
            Self::ConversationUnknown => Reason::ConversationUnknown,
            Self::NotFound => Reason::NotFound,
            Self::RolledBack => Reason::RolledBack,
            Self::LogLag => Reason::LogLag,
            Self::Stopped => Reason::Unavailable,
            Self::Port(cause) => cause.reason(),
            Self::Damaged(_) | Self::Stop(_) | Self::Missing(_) => Reason::Internal,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Port(cause) => cause.retry_after(),
            Self::LogLag => Some(Duration::from_secs(30)),
            Self::Stopped => Some(Duration::from_secs(1)),
            Self::Malformed(_)
            | Self::Undecodable(_)
            | Self::BadSignature
            | Self::NotMember
            | Self::ConversationUnknown
            | Self::NotFound
            | Self::RolledBack
            | Self::Damaged(_)
            | Self::Stop(_)
            | Self::Missing(_) => None,
        }
    }
}
