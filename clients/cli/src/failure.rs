//! What a command ends with when it did not do what was asked: a sentence, what to do next, a
//! stable reason and an exit code (the table is in README.md).

use std::fmt::Display;

use xchat_sdk::{Error, NotSent, Reason};

pub(crate) const USAGE: u8 = 64;
pub(crate) const DATA: u8 = 65;
pub(crate) const NO_PROFILE: u8 = 66;
pub(crate) const NO_USER: u8 = 67;
pub(crate) const UNAVAILABLE: u8 = 69;
pub(crate) const INTERNAL: u8 = 70;
pub(crate) const CANNOT_WRITE: u8 = 73;
pub(crate) const STORE: u8 = 74;
pub(crate) const TRY_LATER: u8 = 75;
pub(crate) const PROTOCOL: u8 = 76;
pub(crate) const REFUSED: u8 = 77;
pub(crate) const CONFIG: u8 = 78;

#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) reason: String,
    /// What went wrong and why; no full stop.
    pub(crate) message: String,
    /// What to do, one sentence.
    pub(crate) next: String,
    pub(crate) exit: u8,
}

impl Failure {
    pub(crate) fn new(
        exit: u8,
        reason: impl Into<String>,
        message: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self {
            reason: reason.into(),
            message: message.into(),
            next: next.into(),
            exit,
        }
    }

    pub(crate) fn internal(error: &impl Display) -> Self {
        Self::new(
            INTERNAL,
            "internal",
            error.to_string(),
            "report it with what you typed",
        )
    }

    pub(crate) fn unreachable(server: &impl Display, why: &impl Display) -> Self {
        Self::new(
            UNAVAILABLE,
            "server_unreachable",
            format!("the server {server} can't be reached: {why}"),
            "start it with `make run`, or name another with --server; then do the same again",
        )
    }

    /// A text that will not be sent.
    pub(crate) fn not_sent(reason: NotSent, peer: &str) -> Self {
        let (exit, why, next) = match reason {
            NotSent::Empty => (DATA, "the text is empty".to_owned(), "write something"),
            NotSent::TooLarge => (
                DATA,
                "the text is longer than a message may be (64 KiB with padding)".to_owned(),
                "send it in parts; files come later",
            ),
            NotSent::TooLargeForRequest => (
                DATA,
                "a first message may have 4 KiB".to_owned(),
                "ask with a short one, and send the rest when it is accepted",
            ),
            NotSent::UsernameUnknown => (
                NO_USER,
                format!("nobody on this server is called {peer}"),
                "check the name with them, or use their contact link (`xchat link`)",
            ),
            NotSent::UsernameInvalid => (
                NO_USER,
                format!("{peer} can't be a username"),
                "check the name with them, or use their contact link (`xchat link`)",
            ),
            NotSent::AccountUnknown => (
                NO_USER,
                "this server knows no such account".to_owned(),
                "check the contact link, and that it is of this server",
            ),
            NotSent::Unreachable => (
                TRY_LATER,
                format!("{peer} has no device that can be reached now"),
                "try again when they have been online",
            ),
            NotSent::Blocked | NotSent::RequestDeclined => (
                REFUSED,
                format!("{peer} declined"),
                "there is nothing to do here",
            ),
            NotSent::PeerLeft => (
                REFUSED,
                format!("{peer} has left the conversation"),
                "there is nothing to do here",
            ),
            NotSent::ToYourself => (
                DATA,
                "that is this account itself".to_owned(),
                "name somebody else",
            ),
            NotSent::ConversationUnknown => (
                NO_USER,
                "there is no such conversation".to_owned(),
                "name a person instead",
            ),
            NotSent::NotRegistered => (
                NO_PROFILE,
                "this profile has no account yet".to_owned(),
                "finish `xchat register` first",
            ),
            NotSent::Parked | NotSent::Refused(_) | NotSent::ServerRefused(_) => (
                PROTOCOL,
                format!("the server refused it ({})", reason.name()),
                "try again; if it stays so, ask the server's operator",
            ),
        };
        Self::new(exit, reason.name(), format!("not sent: {why}"), next)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit = match error.reason() {
            Reason::ProfileUnknown => NO_PROFILE,
            Reason::ProfileExists => REFUSED,
            Reason::ProfileName => USAGE,
            Reason::ProfileInUse => TRY_LATER,
            Reason::DiskFull | Reason::NotWritable => CANNOT_WRITE,
            Reason::KeyMissing
            | Reason::KeyExposed
            | Reason::KeyWrong
            | Reason::ProfileDamaged
            | Reason::ProfileVersion
            | Reason::Storage => STORE,
            Reason::ServerAddress => CONFIG,
            Reason::Closed => INTERNAL,
        };
        Self::new(exit, error.reason().name(), error.to_string(), error.next())
    }
}
