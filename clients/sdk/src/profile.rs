//! Where profiles lie, and what is in one: `server`, `key`, `store.redb`, `lock`.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    str::FromStr,
};

use crate::{
    error::Error,
    files::{self, Lock},
    rt,
};
use xchat_crypto::seal::StoreKey;

/// Address of a server: `wss://host[:port]`, or `ws://` to this machine only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server(String);

impl Server {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The WebSocket's address.
    pub(crate) fn socket(&self) -> String {
        format!("{}/v1/ws", self.0)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Default for Server {
    /// A household's own.
    fn default() -> Self {
        Self("ws://127.0.0.1:8420".to_owned())
    }
}

impl FromStr for Server {
    type Err = Error;

    /// `http` and `https` are taken as `ws` and `wss`, no scheme as `wss`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |why| Error::ServerAddress {
            address: text.to_owned(),
            why,
        };
        let trimmed = text.trim().trim_end_matches('/');
        let (scheme, rest) = trimmed.split_once("://").unwrap_or(("wss", trimmed));
        let (host, port) = host_and_port(rest).ok_or_else(|| wrong("it needs a host"))?;
        if rest.contains(['/', '?', '#', '@', ' ']) {
            return Err(wrong("it is scheme, host and port, nothing more"));
        }
        if port.is_some_and(|port| port.parse::<u16>().is_err()) {
            return Err(wrong("its port is no number up to 65535"));
        }
        let is_here = matches!(host, "localhost" | "[::1]")
            || host
                .parse::<std::net::Ipv4Addr>()
                .is_ok_and(|address| address.is_loopback());
        match scheme {
            "wss" | "https" => Ok(Self(format!("wss://{rest}"))),
            "ws" | "http" if is_here => Ok(Self(format!("ws://{rest}"))),
            "ws" | "http" => Err(wrong("without TLS only this machine can be reached")),
            _ => Err(wrong("its scheme is neither wss nor ws")),
        }
    }
}

fn host_and_port(rest: &str) -> Option<(&str, Option<&str>)> {
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (rest, None),
    };
    (!host.is_empty()).then_some((host, port))
}

/// The folder that holds all profiles of a person.
#[derive(Clone, Debug)]
pub struct Home(PathBuf);

impl Home {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    fn folder(&self, name: &str) -> Result<PathBuf, Error> {
        let fine = !name.is_empty()
            && name.len() <= 64
            && !name.starts_with('.')
            && name
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
        if fine {
            Ok(self.0.join(name))
        } else {
            Err(Error::ProfileName(name.to_owned()))
        }
    }

    /// Names of the profiles that are there, sorted.
    pub fn profiles(&self) -> Result<Vec<String>, Error> {
        let entries = match fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::io(&self.0, error)),
        };
        let mut names: Vec<String> = entries
            .filter_map(Result::ok)
            .filter(|entry| entry.path().join("key").exists())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        Ok(names)
    }

    /// Makes a profile of a server: its folder and a random key. It has no account yet.
    pub fn create(&self, name: &str, server: &Server) -> Result<(), Error> {
        let folder = self.folder(name)?;
        if folder.join("key").exists() {
            return Err(Error::ProfileExists(name.to_owned()));
        }
        files::make_folder(&folder)?;
        let _lock = Lock::take(&folder.join("lock"), name)?;
        files::write_new(&folder.join("server"), server.as_str().as_bytes())?;
        // Last: a folder with a key is a profile.
        files::write_new(&folder.join("key"), &*rt::random::<32>())
    }

    /// Deletes a profile that never got an account; refuses while it is in use.
    pub fn discard(&self, name: &str) -> Result<(), Error> {
        let folder = self.folder(name)?;
        let _lock = Lock::take(&folder.join("lock"), name)?;
        fs::remove_dir_all(&folder).map_err(|error| Error::io(&folder, error))
    }

    /// Path of a profile's key, if it is there and nobody else may read it.
    pub fn check_key(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.folder(name)?.join("key");
        files::read_secret(&path)?;
        Ok(path)
    }

    /// The server of a profile.
    pub fn server(&self, name: &str) -> Result<Server, Error> {
        let path = self.folder(name)?.join("server");
        match fs::read_to_string(&path) {
            Ok(text) => text.parse(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(Error::ProfileUnknown(name.to_owned()))
            }
            Err(error) => Err(Error::io(path, error)),
        }
    }

    pub(crate) fn open(&self, name: &str) -> Result<Opened, Error> {
        let folder = self.folder(name)?;
        let server = self.server(name)?;
        let lock = Lock::take(&folder.join("lock"), name)?;
        let secret = files::read_secret(&folder.join("key"))?;
        Ok(Opened {
            folder,
            server,
            key: StoreKey::new(*secret),
            lock,
        })
    }
}

/// A profile that this process holds.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) folder: PathBuf,
    pub(crate) server: Server,
    pub(crate) key: StoreKey,
    pub(crate) lock: Lock,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_addresses_are_read_and_plain_ones_stay_on_this_machine() {
        for (text, expected) in [
            ("chat.example.org", "wss://chat.example.org"),
            ("https://chat.example.org/", "wss://chat.example.org"),
            ("ws://127.0.0.1:8420", "ws://127.0.0.1:8420"),
            ("http://localhost:1", "ws://localhost:1"),
            ("ws://[::1]:8420", "ws://[::1]:8420"),
        ] {
            assert_eq!(text.parse::<Server>().unwrap().as_str(), expected);
        }
        for bad in [
            "ws://chat.example.org",
            "ftp://x",
            "",
            "wss://x:99999",
            "wss://x/y",
            "ws://",
        ] {
            assert_eq!(
                bad.parse::<Server>().unwrap_err().reason().name(),
                "server_address"
            );
        }
    }
}
