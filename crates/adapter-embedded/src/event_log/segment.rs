//! A segment file: named by its number, preallocated, visible only when its head is synced.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    disk::{Disk, DiskFile},
    header::SegmentHeader,
};

const SUFFIX: &str = "segment";
const DRAFT: &str = "tmp";

/// A segment that is in use.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) header: SegmentHeader,
    pub(super) file: Arc<dyn DiskFile>,
}

pub(super) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:020}.{SUFFIX}"))
}

fn number(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    let digits = name.strip_suffix(SUFFIX)?.strip_suffix('.')?;
    digits.parse().ok()
}

impl Segment {
    /// Creates the file of `header`, durably. On failure no such file is there after a restart.
    pub(super) fn create(
        disk: &dyn Disk,
        folder: &Path,
        header: SegmentHeader,
    ) -> io::Result<Self> {
        let path = path(folder, header.number);
        let draft = path.with_extension(DRAFT);
        let write = || {
            let file = disk.create(&draft, header.length)?;
            file.write_at(0, &header.encode())?;
            file.sync()?;
            disk.rename(&draft, &path)?;
            disk.sync_folder(folder)?;
            Ok(file)
        };
        match write() {
            Ok(file) => Ok(Self { path, header, file }),
            Err(error) => {
                // What stays behind is removed at the next start.
                let _ = disk.remove(&draft);
                Err(error)
            }
        }
    }
}

/// Numbers of the segments in a folder, in order. Drafts of a run that was cut short are removed.
pub(super) fn list(disk: &dyn Disk, folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for file in disk.list(folder)? {
        if let Some(number) = number(&file) {
            numbers.push(number);
        } else if file.extension().is_some_and(|extension| extension == DRAFT) {
            disk.remove(&file)?;
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}
