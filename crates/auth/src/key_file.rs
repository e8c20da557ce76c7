//! The key file: JSON, mode 0600, written whole or not at all.
//!
//! What is lost with it: clients pin the server by a key in it, usernames and partitions are
//! hashed under another. So nothing here ever replaces a file that it could not read.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use xchat_crypto::SecretKey;
use xchat_ports::{Rng, ambient};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::installation::InstallationKeys;

/// Usual name of the file in the data directory.
pub const FILE_NAME: &str = "installation.key";

const VERSION: u32 = 1;
const MAX_BYTES: u64 = 4_096;

/// Why there are no keys, and what to do.
#[derive(Debug, Error)]
pub enum KeyFileError {
    #[error(
        "the key file {} does not exist; start the server once to create it, or restore it from a \
         backup of the data directory", .path.display()
    )]
    Missing { path: PathBuf },
    #[error(
        "the key file {} can't be read ({source}); give the server's user access to it",
        .path.display()
    )]
    Read { path: PathBuf, source: io::Error },
    #[error(
        "the key file {} can't be written ({source}); make its directory writable for the \
         server's user and check that the disk has room", .path.display()
    )]
    Write { path: PathBuf, source: io::Error },
    #[error(
        "the key file {} may be read by others (mode {mode:03o}); run: chmod 600 {}",
        .path.display(), .path.display()
    )]
    Exposed { path: PathBuf, mode: u32 },
    #[error(
        "the key file {} is damaged ({what}); restore it from a backup: without it no client \
         trusts this server and no username is found again", .path.display()
    )]
    Damaged { path: PathBuf, what: &'static str },
}

/// The file's content. Seeds and the secret in lower-case hexadecimal, 32 bytes each.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    server_key: String,
    access_key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous_access_key: Option<String>,
    secret: String,
}

impl Content {
    fn of(keys: &InstallationKeys) -> Self {
        let seed = |key: &SecretKey| hex::encode(key.seed().as_slice());
        Self {
            version: VERSION,
            server_key: seed(&keys.server),
            access_key: seed(&keys.access),
            previous_access_key: keys.previous_access.as_ref().map(seed),
            secret: hex::encode(keys.secret.as_slice()),
        }
    }

    fn keys(&self) -> Result<InstallationKeys, &'static str> {
        if self.version != VERSION {
            return Err("it is of a version this server does not know");
        }
        let previous = self.previous_access_key.as_deref();
        Ok(InstallationKeys {
            server: signing_key(&self.server_key)?,
            access: signing_key(&self.access_key)?,
            previous_access: previous.map(signing_key).transpose()?,
            secret: bytes(&self.secret)?,
        })
    }
}

fn signing_key(text: &str) -> Result<SecretKey, &'static str> {
    Ok(SecretKey::from_seed(*bytes(text)?))
}

fn bytes(text: &str) -> Result<Zeroizing<[u8; 32]>, &'static str> {
    let mut bytes = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text, bytes.as_mut_slice())
        .map_err(|_| "a key in it is not 64 hexadecimal digits")?;
    Ok(bytes)
}

pub(crate) fn load_or_create(path: &Path, rng: &dyn Rng) -> Result<InstallationKeys, KeyFileError> {
    match load(path) {
        Err(KeyFileError::Missing { .. }) => {}
        found => return found,
    }
    let keys = InstallationKeys::generate(rng);
    let draft = write_draft(path, &keys, rng).map_err(|source| write_error(path, source))?;
    // A hard link fails where the name exists: of two processes that start at once, one creates
    // the file and the other reads it.
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft).map_err(|source| write_error(path, source))?;
    match linked {
        Ok(()) => sync_directory(path).map_err(|source| write_error(path, source))?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return load(path),
        Err(source) => return Err(write_error(path, source)),
    }
    Ok(keys)
}

pub(crate) fn load(path: &Path) -> Result<InstallationKeys, KeyFileError> {
    let read_error = |source: io::Error| {
        let path = path.to_owned();
        if source.kind() == io::ErrorKind::NotFound {
            KeyFileError::Missing { path }
        } else {
            KeyFileError::Read { path, source }
        }
    };
    let file = File::open(path).map_err(read_error)?;
    let mode = file.metadata().map_err(read_error)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    let mut text = Zeroizing::new(Vec::new());
    file.take(MAX_BYTES)
        .read_to_end(&mut text)
        .map_err(read_error)?;
    let damaged = |what| KeyFileError::Damaged {
        path: path.to_owned(),
        what,
    };
    let content: Content =
        serde_json::from_slice(&text).map_err(|_| damaged("it is not the JSON we write"))?;
    content.keys().map_err(damaged)
}

/// Puts keys of the same installation in the place of the file, as one step.
pub(crate) fn replace(
    path: &Path,
    keys: &InstallationKeys,
    rng: &dyn Rng,
) -> Result<(), KeyFileError> {
    write_draft(path, keys, rng)
        .and_then(|draft| fs::rename(draft, path))
        .and_then(|()| sync_directory(path))
        .map_err(|source| write_error(path, source))
}

fn write_error(path: &Path, source: io::Error) -> KeyFileError {
    KeyFileError::Write {
        path: path.to_owned(),
        source,
    }
}

/// Writes and syncs a file of a name that nobody else uses, beside the one to be.
fn write_draft(path: &Path, keys: &InstallationKeys, rng: &dyn Rng) -> io::Result<PathBuf> {
    let suffix: [u8; 8] = ambient::random(rng);
    let draft = path.with_extension(hex::encode(suffix));
    match write_file(&draft, keys) {
        Ok(()) => Ok(draft),
        Err(error) => {
            // The disk may be full: leave nothing half written behind.
            let _ = fs::remove_file(&draft);
            Err(error)
        }
    }
}

fn write_file(path: &Path, keys: &InstallationKeys) -> io::Result<()> {
    let text = Zeroizing::new(serde_json::to_vec_pretty(&Content::of(keys))?);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    // The umask may have taken bits away from the mode, never added any; be exact all the same.
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(&text)?;
    file.sync_all()
}

fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(directory)?.sync_all()
}
