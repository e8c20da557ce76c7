//! One process a folder.

use std::{
    fs::{self, File},
    path::Path,
};

use rustix::fs::{FlockOperation, flock};

use crate::OpenError;

/// Held as long as the folder is in use; the kernel frees it when the process dies.
#[derive(Debug)]
pub(crate) struct FolderLock(File);

impl Drop for FolderLock {
    /// Closing is not enough where this process has just forked: until its exec the child holds the
    /// same open file, and the lock with it.
    fn drop(&mut self) {
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

impl FolderLock {
    /// Creates the folder if it is not there, and takes it.
    pub(crate) fn take(folder: &Path) -> Result<Self, OpenError> {
        fs::create_dir_all(folder).map_err(|error| OpenError::io(folder, error))?;
        let path = folder.join("LOCK");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| OpenError::io(&path, error))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenError::Locked {
                path: folder.to_owned(),
            }),
            Err(error) => Err(OpenError::io(&path, error.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_free_with_its_holder_though_a_fork_still_has_the_file_open() {
        let folder = tempfile::tempdir().unwrap();
        let lock = FolderLock::take(folder.path()).unwrap();
        let forked = lock.0.try_clone().unwrap();
        let taken = FolderLock::take(folder.path());
        assert!(matches!(taken, Err(OpenError::Locked { .. })));
        drop(lock);
        assert!(FolderLock::take(folder.path()).is_ok());
        drop(forked);
    }
}
