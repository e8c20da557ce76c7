//! What ends a command: a stable reason, what and why, and what to do next.

use std::{borrow::Cow, fmt};

use xchat_sdk::{Error, Reason};

use crate::exit::Exit;

/// Printed on standard error as `error[reason]: what.` and `next: what to do.`
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) reason: Cow<'static, str>,
    pub(crate) what: String,
    pub(crate) next: String,
}

impl Failure {
    pub(crate) fn new(
        exit: Exit,
        reason: impl Into<Cow<'static, str>>,
        what: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self {
            exit,
            reason: reason.into(),
            what: what.into(),
            next: next.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            reason, what, next, ..
        } = self;
        write!(f, "error[{reason}]: {what}.\nnext: {next}.")
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let reason = error.reason();
        let exit = match reason {
            Reason::ProfileName | Reason::ServerAddress => Exit::Usage,
            Reason::ProfileDamaged | Reason::KeyWrong => Exit::Data,
            Reason::Closed => Exit::Software,
            Reason::ProfileExists => Exit::Exists,
            Reason::DiskFull | Reason::NotWritable | Reason::Storage => Exit::Io,
            Reason::ProfileInUse => Exit::Temp,
            Reason::KeyExposed => Exit::Denied,
            Reason::ProfileUnknown | Reason::ProfileVersion | Reason::KeyMissing => Exit::Config,
        };
        Self::new(exit, reason.name(), error.to_string(), error.next())
    }
}
