//! The file that names a log: what its offsets mean, and how many partitions it has for ever.

use std::{fmt::Write, path::Path};

use xchat_ports::{Rng, ambient::random};
use xchat_types::LogId;

use super::{disk::Disk, header::FORMAT};
use crate::OpenError;

const NAME: &str = "log";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) id: LogId,
    pub(super) partitions: u32,
}

impl Identity {
    /// Reads the folder's identity; `None` in a folder that holds none.
    pub(super) fn read(disk: &dyn Disk, folder: &Path) -> Result<Option<Self>, OpenError> {
        let path = folder.join(NAME);
        let listed = disk
            .list(folder)
            .map_err(|error| OpenError::io(folder, error))?;
        if !listed.contains(&path) {
            return Ok(None);
        }
        let read = || {
            let file = disk.open(&path)?;
            let mut bytes = vec![0; usize::try_from(file.length()?).unwrap_or(0).min(4_096)];
            file.read_at(0, &mut bytes)?;
            Ok(bytes)
        };
        let bytes = read().map_err(|error| OpenError::io(&path, error))?;
        Self::parse(&path, &bytes).map(Some)
    }

    /// Names a new log, durably.
    pub(super) fn create(
        disk: &dyn Disk,
        folder: &Path,
        partitions: u32,
        rng: &dyn Rng,
    ) -> Result<Self, OpenError> {
        let identity = Self {
            id: LogId::new(random(rng)),
            partitions,
        };
        let path = folder.join(NAME);
        let draft = folder.join("log.tmp");
        let text = identity.text();
        let write = || {
            let file = disk.create(&draft, text.len() as u64)?;
            file.write_at(0, text.as_bytes())?;
            file.sync()?;
            disk.rename(&draft, &path)?;
            disk.sync_folder(folder)
        };
        write().map_err(|error| OpenError::io(&path, error))?;
        Ok(identity)
    }

    fn text(self) -> String {
        let mut text = format!(
            "xchat event log\nformat {FORMAT}\nid {}\npartitions {}\n",
            self.id.to_hex(),
            self.partitions,
        );
        let sum = crc32fast::hash(text.as_bytes());
        // Writing to a String cannot fail.
        let _ = writeln!(text, "checksum {sum:08x}");
        text
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Self, OpenError> {
        let damaged = || OpenError::Damaged {
            path: path.to_owned(),
            from: 0,
            to: bytes.len() as u64,
            why: "the file that names the log does not read".to_owned(),
        };
        let text = str::from_utf8(bytes).map_err(|_| damaged())?;
        let line = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
                .ok_or_else(damaged)
        };
        let format = line("format")?;
        if format != FORMAT.to_string() && format.parse::<u32>().is_ok() {
            return Err(OpenError::Version {
                path: path.to_owned(),
                found: format.to_owned(),
                expected: FORMAT,
            });
        }
        let identity = Self {
            id: LogId::from_hex(line("id")?).map_err(|_| damaged())?,
            partitions: line("partitions")?.parse().map_err(|_| damaged())?,
        };
        // Compares every byte, and with the checksum also what an edit by hand changed.
        if identity.text() != text {
            return Err(damaged());
        }
        Ok(identity)
    }
}
