//! What can go wrong on this machine, each with a stable reason and what to do next.

use std::{io, path::PathBuf};

use thiserror::Error;

/// Stable name of a failure, for `--json`, exit codes and tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    ProfileUnknown,
    ProfileExists,
    ProfileName,
    ProfileInUse,
    ProfileDamaged,
    ProfileVersion,
    KeyMissing,
    KeyExposed,
    KeyWrong,
    DiskFull,
    NotWritable,
    Storage,
    ServerAddress,
    Closed,
}

impl Reason {
    pub const fn name(self) -> &'static str {
        match self {
            Self::ProfileUnknown => "profile_unknown",
            Self::ProfileExists => "profile_exists",
            Self::ProfileName => "profile_name",
            Self::ProfileInUse => "profile_in_use",
            Self::ProfileDamaged => "profile_damaged",
            Self::ProfileVersion => "profile_version",
            Self::KeyMissing => "key_missing",
            Self::KeyExposed => "key_exposed",
            Self::KeyWrong => "key_wrong",
            Self::DiskFull => "disk_full",
            Self::NotWritable => "not_writable",
            Self::Storage => "storage",
            Self::ServerAddress => "server_address",
            Self::Closed => "closed",
        }
    }
}

/// A failure of the profile, its store or this process. `Display` says what and why, and
/// [`Error::next`] what to do.
#[derive(Debug, Error)]
pub enum Error {
    #[error("there is no profile called {0:?}")]
    ProfileUnknown(String),
    #[error("a profile called {0:?} is there already")]
    ProfileExists(String),
    #[error("{0:?} can't be a profile name: letters, digits, '-', '_' and '.', at most 64")]
    ProfileName(String),
    #[error("profile {name:?} is in use by process {pid}")]
    ProfileInUse { name: String, pid: String },
    #[error("the profile's store is damaged: {0}")]
    ProfileDamaged(String),
    #[error("the profile was written by another version of this program ({0})")]
    ProfileVersion(String),
    #[error("the key of the profile is missing: {}", .0.display())]
    KeyMissing(PathBuf),
    #[error("others on this machine may read the profile's key: {}", .0.display())]
    KeyExposed(PathBuf),
    #[error("the key does not open the profile's store")]
    KeyWrong,
    #[error("the disk is full: nothing was changed")]
    DiskFull(#[source] io::Error),
    #[error("{} can't be written", path.display())]
    NotWritable { path: PathBuf, source: io::Error },
    #[error("the profile's store can't be read or written: {0}")]
    Storage(String),
    #[error("{address:?} is no server address: {why}")]
    ServerAddress { address: String, why: &'static str },
    #[error("the client is closed")]
    Closed,
}

impl Error {
    pub const fn reason(&self) -> Reason {
        match self {
            Self::ProfileUnknown(_) => Reason::ProfileUnknown,
            Self::ProfileExists(_) => Reason::ProfileExists,
            Self::ProfileName(_) => Reason::ProfileName,
            Self::ProfileInUse { .. } => Reason::ProfileInUse,
            Self::ProfileDamaged(_) => Reason::ProfileDamaged,
            Self::ProfileVersion(_) => Reason::ProfileVersion,
            Self::KeyMissing(_) => Reason::KeyMissing,
            Self::KeyExposed(_) => Reason::KeyExposed,
            Self::KeyWrong => Reason::KeyWrong,
            Self::DiskFull(_) => Reason::DiskFull,
            Self::NotWritable { .. } => Reason::NotWritable,
            Self::Storage(_) => Reason::Storage,
            Self::ServerAddress { .. } => Reason::ServerAddress,
            Self::Closed => Reason::Closed,
        }
    }

    /// What a person can do about it, one sentence.
    pub fn next(&self) -> String {
        match self {
            Self::ProfileUnknown(name) => {
                format!("make it with `xchat register {name}`, or name another with --profile")
            }
            Self::ProfileExists(name) => {
                format!("use it with --profile {name}, or register under another name")
            }
            Self::ProfileName(_) => "choose another name".to_owned(),
            Self::ProfileInUse { .. } => {
                "end that process, or use its window: a profile serves one process at a time"
                    .to_owned()
            }
            Self::ProfileDamaged(_) | Self::Storage(_) => {
                "restore the profile's folder from a backup that was made after its last use"
                    .to_owned()
            }
            Self::ProfileVersion(_) => "use that version, or a newer one".to_owned(),
            Self::KeyMissing(_) | Self::KeyWrong => {
                "put the key file of this profile back: without it nobody can read the store"
                    .to_owned()
            }
            Self::KeyExposed(path) => format!("type `chmod 600 {}`", path.display()),
            Self::DiskFull(_) => "free some space, then do the same again".to_owned(),
            Self::NotWritable { .. } => {
                "make it writable for you, or choose another folder with XCHAT_HOME".to_owned()
            }
            Self::ServerAddress { .. } => {
                "write it like wss://chat.example.org, or ws://127.0.0.1:8420 on this machine"
                    .to_owned()
            }
            Self::Closed => "open the profile again".to_owned(),
        }
    }

    /// Sorts an I/O error at a path.
    pub(crate) fn io(path: impl Into<PathBuf>, source: io::Error) -> Self {
        if is_full(&source) {
            Self::DiskFull(source)
        } else {
            Self::NotWritable {
                path: path.into(),
                source,
            }
        }
    }
}

/// Whether there is no room, on the disk or under a quota.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
