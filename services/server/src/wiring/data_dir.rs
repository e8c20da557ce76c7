//! Where the server keeps its keys and stores.

use std::{
    fs::DirBuilder,
    io::{self, ErrorKind},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use crate::{Config, Exit, StartError};

const FOLDER: &str = "xchat-server";

/// The directory of the configuration or the usual one, made for this user alone if it is not
/// there.
pub(crate) fn data_dir(config: &Config) -> Result<PathBuf, StartError> {
    let path = match &config.data_dir {
        Some(path) => path.clone(),
        None => usual().ok_or_else(|| {
            StartError::new(
                "data_dir_unknown",
                Exit::DataDir,
                "there is no place for data: neither XDG_DATA_HOME nor HOME is set",
                "choose one: --data-dir DIR (or data_dir in the configuration)",
            )
        })?,
    };
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
    made.map_err(|error| refused(&path, &error))?;
    Ok(path)
}

fn usual() -> Option<PathBuf> {
    let absolute = |name| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let base = absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))?;
    Some(base.join(FOLDER))
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}

fn refused(path: &Path, error: &io::Error) -> StartError {
    let what = format!(
        "the data directory {} can't be made: {error}",
        path.display()
    );
    let next = if is_full(error) {
        "free some space, or choose a directory on another disk: --data-dir DIR"
    } else if matches!(
        error.kind(),
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory
    ) {
        "a file is in its place: move it away, or choose another directory: --data-dir DIR"
    } else {
        "give this user write access to the directory above it, or choose another directory: \
         --data-dir DIR"
    };
    StartError::new("data_dir_refused", Exit::DataDir, what, next)
}
