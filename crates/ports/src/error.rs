//! What an engine can answer beside the value. Absence is `Ok(None)`.

use std::error::Error;

use thiserror::Error;

type Source = Box<dyn Error + Send + Sync>;

/// The one error of all ports.
#[derive(Debug, Error)]
pub enum PortError {
    /// A condition on the stored value does not hold.
    #[error("conflict: {0}")]
    Conflict(&'static str),
    #[error("too large: {0}")]
    TooLarge(&'static str),
    /// The engine can't be reached, is slow, or refuses work. Whether a write took place is
    /// unknown; the same write again is safe.
    #[error("unavailable: {0}")]
    Unavailable(#[source] Source),
    /// The engine has no room. Nothing was written; the same write again is safe.
    #[error("storage is full")]
    Full(#[source] Source),
    /// Stored bytes are not what was written. A human should look.
    #[error("corrupt: {0}")]
    Corrupt(String),
}

impl PortError {
    pub fn unavailable(source: impl Into<Source>) -> Self {
        Self::Unavailable(source.into())
    }

    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Full(_))
    }
}

pub type PortResult<T> = Result<T, PortError>;
