//! Exit codes: those of sysexits.h, so that scripts and mail tools know them.

use std::process::ExitCode;

/// How a run ended. README.md holds the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    Ok = 0,
    /// The command line can't be read, or names nothing clearly.
    Usage = 64,
    /// What was given can't be taken: an empty or too long text, a damaged store.
    Data = 65,
    /// Nobody is called that.
    NoName = 67,
    /// The contact is on another server.
    NoHost = 68,
    /// The server can't be reached, or does not serve now.
    Unavailable = 69,
    /// A mistake of this program.
    Software = 70,
    /// It exists already: the profile, the username.
    Exists = 73,
    /// The disk is full or can't be written.
    Io = 74,
    /// Not now, and nothing is lost: a text that waits, a profile in use.
    Temp = 75,
    /// The other end speaks otherwise, or what it says does not hold.
    Protocol = 76,
    /// Not allowed.
    Denied = 77,
    /// Something on this machine is set wrong: no profile, no key, another server's profile.
    Config = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
