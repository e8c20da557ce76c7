//! The driver's errors as those of ports.

use std::time::Duration;

use scylla::errors::{DbError, ExecutionError, NewSessionError, PrepareError, RequestAttemptError};
use thiserror::Error;
use xchat_ports::PortError;

/// Why a store was not opened, or a schema not applied.
#[derive(Debug, Error)]
pub enum OpenError {
    #[error("not a keyspace name: lower case letters, digits and underscores, at most 48")]
    Keyspace,
    #[error("a keyspace has at least one replica, and some datacenter to stand in")]
    Replication,
    #[error("cannot reach the engine")]
    Connect(#[from] Box<NewSessionError>),
    #[error(
        "keyspace {keyspace} has schema version {found}, this program needs {needed}: \
         run `xchat-server schema migrate`"
    )]
    Schema {
        keyspace: String,
        found: i32,
        needed: i32,
    },
    #[error(
        "migration {name} was applied with other contents: restore the file, and put the change \
         into a new migration"
    )]
    Changed { name: String },
    #[error("another migrator has been at work for too long; it lets go after 2 minutes")]
    Locked,
    #[error("the engine refused a statement")]
    Statement(#[from] Box<ExecutionError>),
    #[error("the engine refused to prepare a statement")]
    Prepare(#[from] Box<PrepareError>),
    #[error(transparent)]
    Port(#[from] PortError),
}

impl From<ExecutionError> for OpenError {
    fn from(error: ExecutionError) -> Self {
        Self::Statement(Box::new(error))
    }
}

impl From<PrepareError> for OpenError {
    fn from(error: PrepareError) -> Self {
        Self::Prepare(Box::new(error))
    }
}

/// Why a call made of conditional writes is `Unavailable`: the source of that error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unresolved {
    #[error("a conditional write stayed unknown for {0:?}")]
    InTime(Duration),
    /// Whether it was there in between can't be told any more.
    #[error("the outcome of a conditional write was unknown, and the row is another one by now")]
    Overwritten,
}

impl From<Unresolved> for PortError {
    fn from(error: Unresolved) -> Self {
        Self::unavailable(error)
    }
}

/// A failed request. Whatever may have been done all the same is `Unavailable`: a write that timed
/// out can have reached any number of replicas.
pub(crate) fn port_error(error: ExecutionError) -> PortError {
    if let ExecutionError::LastAttemptError(RequestAttemptError::DbError(kind, text)) = &error
        && matches!(kind, DbError::Invalid)
        && text.to_ascii_lowercase().contains("too large")
    {
        return PortError::TooLarge("the engine takes no mutation of this size");
    }
    PortError::unavailable(error)
}

/// A row that does not have the shape the schema gives it.
pub(crate) fn corrupt(table: &str) -> PortError {
    PortError::Corrupt(format!("a row of {table} has another shape"))
}
