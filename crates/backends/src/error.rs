//! Why a backend does not open.

use thiserror::Error;
use xchat_adapter_embedded::OpenError;

/// One engine's reason, in words for the operator: what and why.
#[derive(Debug, Error)]
pub enum Error {
    #[error(transparent)]
    Embedded(#[from] OpenError),
    #[error("{what}")]
    Engine {
        code: &'static str,
        trouble: Trouble,
        what: String,
    },
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
    /// The engine does not answer, or refuses: it may later.
    Away,
}

impl Error {
    /// Stable code of the reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Embedded(error) => error.code(),
            Self::Engine { code, .. } => code,
        }
    }

    /// What an operator does about it.
    pub fn next(&self) -> &'static str {
        match self {
            Self::Embedded(error) => error.next(),
            // What the engine says holds it.
            Self::Engine { .. } => "",
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
                | OpenError::Version { .. }
                | OpenError::Newer { .. } => Trouble::Content,
            },
            Self::Engine { trouble, .. } => *trouble,
        }
    }
}

/// An error with its causes, in one line.
#[cfg(any(feature = "kafka", feature = "scylla", feature = "redis"))]
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}
