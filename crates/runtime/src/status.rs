//! The one mapping between a service's errors and gRPC statuses, both ways.
//!
//! A status carries an encoded `xchat.common.v1.Error` in its details: the closed reason, a
//! sentence that is safe to show, when to try again, and a correlation id that names the line in
//! the log. Internal text never leaves the process.

use std::{error::Error as StdError, time::Duration};

use bytes::Bytes;
use tonic::Status;
use xchat_ports::PortError;
use xchat_proto::{
    Message,
    common::{self, Reason},
};

use crate::metrics::metrics;

/// Nine classes of failure, each one gRPC code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    Invalid,
    Unauthenticated,
    Denied,
    NotFound,
    Conflict,
    Exhausted,
    Aborted,
    Unavailable,
    Internal,
}

impl From<Code> for tonic::Code {
    fn from(code: Code) -> Self {
        match code {
            Code::Invalid => Self::InvalidArgument,
            Code::Unauthenticated => Self::Unauthenticated,
            Code::Denied => Self::PermissionDenied,
            Code::NotFound => Self::NotFound,
            Code::Conflict => Self::AlreadyExists,
            Code::Exhausted => Self::ResourceExhausted,
            Code::Aborted => Self::Aborted,
            Code::Unavailable => Self::Unavailable,
            Code::Internal => Self::Internal,
        }
    }
}

/// What a service's error type says about itself.
pub trait ServiceError: StdError {
    fn code(&self) -> Code;

    fn reason(&self) -> Reason;

    /// When the same request may be tried again; `None`: not unchanged.
    fn retry_after(&self) -> Option<Duration> {
        None
    }

    /// One sentence for the person at the other end. Holds nothing internal: not asked for, when
    /// the code is [`Code::Internal`] or [`Code::Unavailable`].
    fn public_message(&self) -> String {
        self.to_string()
    }
}

impl ServiceError for PortError {
    fn code(&self) -> Code {
        match self {
            Self::Conflict(_) => Code::Aborted,
            Self::TooLarge(_) => Code::Invalid,
            Self::Unavailable(_) => Code::Unavailable,
            Self::Full(_) => Code::Exhausted,
            Self::Corrupt(_) => Code::Internal,
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::Conflict(_) | Self::Unavailable(_) => Reason::Unavailable,
            Self::TooLarge(_) => Reason::TooLarge,
            Self::Full(_) => Reason::DiskFull,
            Self::Corrupt(_) => Reason::Internal,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Conflict(_) | Self::Unavailable(_) => Some(Duration::from_secs(1)),
            Self::Full(_) => Some(Duration::from_secs(30)),
            Self::TooLarge(_) | Self::Corrupt(_) => None,
        }
    }

    fn public_message(&self) -> String {
        match self {
            Self::Full(_) => "The server's disk is full; nothing was lost.".to_owned(),
            Self::TooLarge(_) => "This is too large.".to_owned(),
            Self::Conflict(_) | Self::Unavailable(_) | Self::Corrupt(_) => self.to_string(),
        }
    }
}

/// Makes the status, and logs the error: error level for what a human should look at.
pub fn to_status(error: &dyn ServiceError) -> Status {
    let failure = to_failure(error);
    let message = failure.message.clone();
    let details = Bytes::from(failure.encode_to_vec());
    Status::with_details(error.code().into(), message, details)
}

/// The same as a message, for answers that hold an error of their own (one item of a batch).
pub fn to_failure(error: &dyn ServiceError) -> common::Error {
    let correlation_id = correlation_id();
    let reason = error.reason();
    metrics().refusals.one(reason);
    match error.code() {
        Code::Internal => {
            tracing::error!(correlation_id, ?reason, cause = %chain(error), "request failed");
        }
        Code::Unavailable => {
            tracing::warn!(correlation_id, ?reason, cause = %chain(error), "request failed");
        }
        Code::Invalid
        | Code::Unauthenticated
        | Code::Denied
        | Code::NotFound
        | Code::Conflict
        | Code::Exhausted
        | Code::Aborted => {
            tracing::debug!(correlation_id, ?reason, cause = %chain(error), "request refused");
        }
    }
    common::Error {
        reason: reason.into(),
        message: shown(error),
        retry_after_ms: error.retry_after().map_or(0, millis),
        correlation_id,
    }
}

/// Reads a status back. One that no service of ours made (a broken connection, a deadline) gets
/// the reason that fits.
pub fn failure(status: &Status) -> common::Error {
    if !status.details().is_empty()
        && let Ok(failure) = common::Error::decode(status.details())
        && failure.reason != i32::from(Reason::Unspecified)
    {
        return failure;
    }
    let (reason, message, retry_after_ms) = match status.code() {
        tonic::Code::DeadlineExceeded | tonic::Code::Cancelled => {
            (Reason::Timeout, "The server took too long.", 1_000)
        }
        tonic::Code::OutOfRange => (Reason::TooLarge, "This is too large.", 0),
        // Exhausted is what HTTP/2 makes of a peer that was given too much at once.
        tonic::Code::Unavailable | tonic::Code::Unknown | tonic::Code::ResourceExhausted => {
            (Reason::Unavailable, UNAVAILABLE, 1_000)
        }
        tonic::Code::Ok
        | tonic::Code::InvalidArgument
        | tonic::Code::NotFound
        | tonic::Code::AlreadyExists
        | tonic::Code::PermissionDenied
        | tonic::Code::FailedPrecondition
        | tonic::Code::Aborted
        | tonic::Code::Unimplemented
        | tonic::Code::Internal
        | tonic::Code::DataLoss
        | tonic::Code::Unauthenticated => (Reason::Internal, INTERNAL, 0),
    };
    let correlation_id = correlation_id();
    tracing::warn!(correlation_id, ?reason, code = ?status.code(), cause = status.message(), "a call between services failed");
    common::Error {
        reason: reason.into(),
        message: message.to_owned(),
        retry_after_ms,
        correlation_id,
    }
}

const UNAVAILABLE: &str = "A part of the server is not reachable; try again.";
const INTERNAL: &str = "Something went wrong on the server.";

fn shown(error: &dyn ServiceError) -> String {
    match error.code() {
        Code::Internal => INTERNAL.to_owned(),
        Code::Unavailable => UNAVAILABLE.to_owned(),
        Code::Invalid
        | Code::Unauthenticated
        | Code::Denied
        | Code::NotFound
        | Code::Conflict
        | Code::Exhausted
        | Code::Aborted => error.public_message(),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The error and its sources in one line.
fn chain(error: &dyn ServiceError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// Eight random bytes in hexadecimal: names a log line, means nothing.
fn correlation_id() -> String {
    let bytes = xchat_ports::ambient::random::<8>(&crate::ambient::SystemRng);
    format!("{:016x}", u64::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests;
