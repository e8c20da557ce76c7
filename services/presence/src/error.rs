//! What can go wrong, and how it is told.

use std::time::Duration;

use thiserror::Error;
use xchat_ports::PortError;
use xchat_proto::{ConvertError, common::Reason};
use xchat_runtime::{Code, ServiceError};

use crate::domain::Invalid;

/// Why a request to presence failed.
#[derive(Debug, Error)]
pub enum Error {
    #[error(transparent)]
    Malformed(#[from] ConvertError),
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error(transparent)]
    Port(#[from] PortError),
}

impl ServiceError for Error {
    fn code(&self) -> Code {
        match self {
            Self::Malformed(_) | Self::Invalid(_) => Code::Invalid,
            Self::Port(error) => error.code(),
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::Malformed(_) | Self::Invalid(Invalid::Connection | Invalid::Address) => {
                Reason::Malformed
            }
            Self::Invalid(Invalid::Batch) => Reason::TooLarge,
            Self::Port(error) => error.reason(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Malformed(_) | Self::Invalid(_) => None,
            Self::Port(error) => error.retry_after(),
        }
    }
}
