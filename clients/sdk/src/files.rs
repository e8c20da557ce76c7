//! Files of a profile, readable by their owner only.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use rustix::fs::{FlockOperation, flock};
use zeroize::Zeroizing;

use crate::error::Error;

/// Makes a folder and those above it, mode 0700 where new.
pub(crate) fn make_folder(path: &Path) -> Result<(), Error> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| Error::io(path, error))
}

/// Writes a new file durably: it is there whole, or not at all.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let part = path.with_extension("part");
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, path)?;
        path.parent()
            .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    };
    write().map_err(|error| {
        // What is left of a failed write holds nothing that is needed.
        let _ = fs::remove_file(&part);
        Error::io(path, error)
    })
}

/// Reads a secret of 32 bytes that nobody else may read.
pub(crate) fn read_secret(path: &Path) -> Result<Zeroizing<[u8; 32]>, Error> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Error::KeyMissing(path.to_owned()));
        }
        Err(error) => return Err(Error::io(path, error)),
    };
    let mode = file
        .metadata()
        .map_err(|error| Error::io(path, error))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        return Err(Error::KeyExposed(path.to_owned()));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(33));
    (&mut file)
        .take(33)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::io(path, error))?;
    let secret = <[u8; 32]>::try_from(bytes.as_slice());
    secret.map(Zeroizing::new).map_err(|_| Error::KeyWrong)
}

/// Keeps other processes out of a profile while it lives.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Drop for Lock {
    /// Closing is not enough where this process has just forked: until its exec the child holds the
    /// same open file, and the lock with it.
    fn drop(&mut self) {
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

impl Lock {
    /// Takes the lock, or says who holds it.
    pub(crate) fn take(path: &Path, profile: &str) -> Result<Self, Error> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(|error| Error::io(path, error))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut pid = String::new();
            let _ = file.take(20).read_to_string(&mut pid);
            return Err(Error::ProfileInUse {
                name: profile.to_owned(),
                pid: pid.trim().to_owned(),
            });
        }
        // The number is for people; the lock itself is what counts.
        let mut note = || -> io::Result<()> {
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(std::process::id().to_string().as_bytes())
        };
        note().map_err(|error| Error::io(path, error))?;
        Ok(Self(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_ends_with_its_holder_though_a_fork_still_has_the_file_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = Lock::take(&path, "alice").unwrap();
        let forked = lock.0.try_clone().unwrap();
        assert!(matches!(
            Lock::take(&path, "alice"),
            Err(Error::ProfileInUse { .. })
        ));
        drop(lock);
        assert!(Lock::take(&path, "alice").is_ok());
        drop(forked);
    }
}
