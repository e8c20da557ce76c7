//! Why a server does not start, or has ended: a sentence, a stable reason, an exit code.

use std::{fmt, process::ExitCode};

use xchat_auth::KeyFileError;
use xchat_backends::Trouble;
use xchat_runtime::{Death, Mistakes};

/// Exit codes, as in BSD's `sysexits.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The command line can't be understood.
    Usage = 64,
    /// Stored data is damaged, or of another version.
    Data = 65,
    /// Something that is needed is not there.
    Unavailable = 69,
    /// A part of the server died: look at its log.
    Died = 70,
    /// The data directory can't be used: access, or no room.
    DataDir = 73,
    /// Another process has the port or the data directory.
    InUse = 75,
    /// The system does not allow it.
    Denied = 77,
    /// The configuration has mistakes.
    Config = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What went wrong, in words for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartError {
    /// Stable; listed in the README.
    pub reason: &'static str,
    pub exit: Exit,
    /// What and why.
    pub what: String,
    /// What to do; empty when `what` says it.
    pub next: String,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.reason, self.what)?;
        if !self.next.is_empty() {
            write!(f, "\nnext: {}", self.next)?;
        }
        Ok(())
    }
}

impl std::error::Error for StartError {}

impl StartError {
    pub(crate) fn new(
        reason: &'static str,
        exit: Exit,
        what: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self {
            reason,
            exit,
            what: what.into(),
            next: next.into(),
        }
    }
}

impl From<Mistakes> for StartError {
    fn from(mistakes: Mistakes) -> Self {
        Self::new(
            "config_invalid",
            Exit::Config,
            mistakes.to_string(),
            "mend these; `xchat-server config check` tells whether all is well, and \
             `xchat-server config example` lists every setting",
        )
    }
}

impl From<xchat_backends::Error> for StartError {
    fn from(error: xchat_backends::Error) -> Self {
        let exit = match error.trouble() {
            Trouble::InUse => Exit::InUse,
            Trouble::Access => Exit::DataDir,
            Trouble::Content => Exit::Data,
            Trouble::Away => Exit::Unavailable,
        };
        Self::new(error.code(), exit, error.to_string(), error.next())
    }
}

impl From<KeyFileError> for StartError {
    fn from(error: KeyFileError) -> Self {
        let (reason, exit) = match &error {
            KeyFileError::Missing { .. } => ("key_missing", Exit::DataDir),
            KeyFileError::Read { .. } | KeyFileError::Write { .. } => ("key_io", Exit::DataDir),
            KeyFileError::Exposed { .. } => ("key_exposed", Exit::Denied),
            KeyFileError::Damaged { .. } => ("key_damaged", Exit::Data),
        };
        Self::new(reason, exit, error.to_string(), "")
    }
}

impl From<Death> for StartError {
    fn from(death: Death) -> Self {
        Self::new(
            "task_died",
            Exit::Died,
            format!("the server stopped itself: {death}"),
            "start it again: nothing that was acknowledged is lost; if it happens again, report \
             the log lines before this one",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_stopped_itself_names_the_task_and_exits_with_70() {
        let death = Death {
            task: "fanout-fold",
            cause: "panicked: on purpose".to_owned(),
        };
        let error = StartError::from(death);
        assert_eq!(error.exit as u8, 70);
        assert!(error.to_string().starts_with(
            "error[task_died]: the server stopped itself: task fanout-fold died: panicked: on \
             purpose\nnext: "
        ));
    }
}
