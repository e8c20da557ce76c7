//! Why an embedded store does not open, in words for the operator.

use std::{
    io,
    path::{Path, PathBuf},
};

use thiserror::Error;
use xchat_ports::PortError;

/// Says what and why; [`OpenError::next`] says what next. [`OpenError::code`] is stable.
#[derive(Debug, Error)]
pub enum OpenError {
    #[error("{} is in use by another process", path.display())]
    Locked { path: PathBuf },

    /// Bytes that were synced, or that a store relies on, are not what was written.
    #[error("{} is damaged in bytes {from}..{to}: {why}; nothing was changed", path.display())]
    Damaged {
        path: PathBuf,
        from: u64,
        to: u64,
        why: String,
    },

    /// A folder whose parts do not fit together.
    #[error("{} is not usable: {why}; nothing was changed", path.display())]
    Unusable { path: PathBuf, why: String },

    #[error("{} was written in format {found}, this program reads {expected}", path.display())]
    Version {
        path: PathBuf,
        found: String,
        expected: u32,
    },

    /// The file's own format is known; a frame in it is of a kind that came later.
    #[error(
        "{} holds a frame of kind {kind} at byte {at}, which a newer version of this program has \
         written; nothing was changed",
        path.display()
    )]
    Newer { path: PathBuf, at: u64, kind: u8 },

    #[error("no space is left for {}", path.display())]
    NoSpace { path: PathBuf, source: io::Error },

    #[error("{} can't be written: {source}", path.display())]
    Denied { path: PathBuf, source: io::Error },

    #[error("{} can't be opened: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

impl OpenError {
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Locked { .. } => "data_locked",
            Self::Damaged { .. } => "data_damaged",
            Self::Unusable { .. } => "data_unusable",
            Self::Version { .. } | Self::Newer { .. } => "data_version",
            Self::NoSpace { .. } => "data_no_space",
            Self::Denied { .. } => "data_denied",
            Self::Io { .. } => "data_io",
        }
    }

    /// What an operator does about it.
    pub const fn next(&self) -> &'static str {
        match self {
            Self::Locked { .. } => {
                "stop that one, or give this one its own data directory (--data-dir)"
            }
            Self::Damaged { .. } => {
                "restore the file from a copy, or move the whole data directory away to begin \
                 anew without its undelivered messages"
            }
            Self::Unusable { .. } => "restore the data directory from a copy",
            Self::Version { .. } => "use the program that wrote it, or one that can convert it",
            Self::Newer { .. } => "use the newer version again",
            Self::NoSpace { .. } => "free some and start again",
            Self::Denied { .. } => {
                "check its owner, its permissions and that the file system is not read-only"
            }
            Self::Io { .. } => "look whether the disk is well, then start again",
        }
    }

    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        let denied = matches!(
            source.kind(),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
        );
        if is_full(&source) {
            Self::NoSpace { path, source }
        } else if denied {
            Self::Denied { path, source }
        } else {
            Self::Io { path, source }
        }
    }
}

/// What an I/O error of a running engine is to its callers.
pub(crate) fn port_error(source: &io::Error) -> PortError {
    let copy = io::Error::new(source.kind(), source.to_string());
    if is_full(source) {
        PortError::Full(copy.into())
    } else {
        PortError::unavailable(copy)
    }
}

pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
