//! Why a backend does not open.

use thiserror::Error;
use xchat_adapter_embedded::OpenError;

/// One engine's reason, in words for the operator: what, why and what next.
#[derive(Debug, Error)]
pub enum Error {
    #[error(transparent)]
    Embedded(#[from] OpenError),
}

/// What kind of trouble it is: what a supervisor does about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Another process has it.
    InUse,
    /// It can't be read or written, or there is no room.
    Access,
    /// What is there can't be used, and nobody but a human should change it.
    Content,
}

impl Error {
    /// Stable code of the reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Embedded(error) => error.code(),
        }
    }

    pub fn trouble(&self) -> Trouble {
        match self {
            Self::Embedded(error) => match error {
                OpenError::Locked { .. } => Trouble::InUse,
                OpenError::NoSpace { .. } | OpenError::Denied { .. } | OpenError::Io { .. } => {
                    Trouble::Access
                }
                OpenError::Damaged { .. }
                | OpenError::Unusable { .. }
                | OpenError::Version { .. } => Trouble::Content,
            },
        }
    }
}
