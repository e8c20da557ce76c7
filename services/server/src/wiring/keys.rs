//! The installation's keys, which must never be made a second time: with others no client trusts the
//! server, no name is found, and conversations are looked for in other partitions.

use std::path::{Path, PathBuf};

use xchat_auth::{InstallationKeys, KeyFileError, key_file};
use xchat_backends::is_used;
use xchat_ports::Rng;

use crate::{Exit, StartError};

/// The key file, and who may make it. Looked at before anything is opened.
#[derive(Debug)]
pub(crate) struct KeyPlace {
    file: PathBuf,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Nothing is kept yet: the first start makes the keys.
    New,
    /// There are stores, so there were keys.
    Used,
    /// Data is elsewhere, and so may be other processes with the same keys.
    Shared,
}

impl KeyPlace {
    pub(crate) fn of(backends: &xchat_backends::Config, data_dir: &Path) -> Self {
        let kind = match (backends.keeps_data_here(), is_used(data_dir)) {
            (false, _) => Kind::Shared,
            (true, true) => Kind::Used,
            (true, false) => Kind::New,
        };
        Self {
            file: data_dir.join(key_file::FILE_NAME),
            kind,
        }
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    pub(crate) fn keys(&self, rng: &dyn Rng) -> Result<InstallationKeys, StartError> {
        self.load(self.kind == Kind::New, rng)
    }

    /// For a new installation whose data is elsewhere, and nothing else.
    pub(crate) fn create(&self, rng: &dyn Rng) -> Result<(), StartError> {
        self.load(self.kind != Kind::Used, rng).map(drop)
    }

    fn load(&self, makes: bool, rng: &dyn Rng) -> Result<InstallationKeys, StartError> {
        let found = if makes {
            InstallationKeys::load_or_create(&self.file, rng)
        } else {
            InstallationKeys::load(&self.file)
        };
        found.map_err(|error| self.refuse(error))
    }

    fn refuse(&self, error: KeyFileError) -> StartError {
        let KeyFileError::Missing { path } = &error else {
            return error.into();
        };
        let (what, next) = match self.kind {
            Kind::New | Kind::Used => (
                "does not exist, and stores that were made with it do",
                "put it back from a backup of the data directory: without it no client trusts this \
                 server and no name is found. To begin anew, choose an empty --data-dir",
            ),
            Kind::Shared => (
                "does not exist",
                "copy it from an identity or a fanout of this installation, mode 600. Only for a new \
                 installation: `xchat-server key create`, once",
            ),
        };
        let what = format!("the key file {} {what}", path.display());
        StartError::new("key_missing", Exit::DataDir, what, next)
    }
}

#[cfg(test)]
mod tests {
    use xchat_backends::config::StoreKind;
    use xchat_runtime::ambient::SystemRng;

    use super::*;

    #[test]
    fn where_data_is_elsewhere_keys_are_made_by_command_alone() {
        let dir = tempfile::tempdir().unwrap();
        let mut backends = xchat_backends::Config::default();
        backends.directory_store.kind = StoreKind::Scylla;
        let place = KeyPlace::of(&backends, dir.path());
        let rng = SystemRng;
        let refused = place.keys(&rng).unwrap_err();
        assert_eq!(refused.reason, "key_missing");
        place.create(&rng).unwrap();
        let made = place.keys(&rng).unwrap().server_id();
        place.create(&rng).unwrap();
        assert_eq!(place.keys(&rng).unwrap().server_id(), made);
    }
}
