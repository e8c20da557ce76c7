//! The file layer that the segment log writes through, so that tests can cut the power under it.

use std::{
    fmt,
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Operations on folders.
pub trait Disk: Send + Sync + fmt::Debug {
    /// A new file of `length` zeros whose space is taken, so that writing into it neither moves
    /// its end nor runs out of room. An existing file is replaced. Not yet synced.
    fn create(&self, path: &Path, length: u64) -> io::Result<Arc<dyn DiskFile>>;
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Files of a folder, without its sub-folders, in no order.
    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>>;
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes creations, renames and removals in the folder survive a power cut.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
}

/// Operations on one file, at positions.
pub trait DiskFile: Send + Sync + fmt::Debug {
    fn length(&self) -> io::Result<u64>;
    /// Fills the buffer, or fails with `UnexpectedEof`.
    fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<()>;
    /// Writes all bytes, or fails after having written any part of them.
    fn write_at(&self, position: u64, bytes: &[u8]) -> io::Result<()>;
    /// Gives the space behind `length` back.
    fn shrink(&self, length: u64) -> io::Result<()>;
    /// Makes written bytes survive a power cut (`fdatasync`).
    fn sync(&self) -> io::Result<()>;
}

/// The operating system's files.
#[derive(Debug)]
pub struct SystemDisk;

impl Disk for SystemDisk {
    fn create(&self, path: &Path, length: u64) -> io::Result<Arc<dyn DiskFile>> {
        let file = File::options()
            .create(true)
            .truncate(true)
            .read(true)
            .write(true)
            .open(path)?;
        allocate(&file, length)?;
        Ok(Arc::new(file))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = File::options().read(true).write(true).open(path)?;
        Ok(Arc::new(file))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                files.push(entry.path());
            }
        }
        Ok(files)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }
}

impl DiskFile for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(buffer, position)
    }

    fn write_at(&self, position: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, position)
    }

    fn shrink(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Takes the space now: later writes then need no new blocks, and `fdatasync` no new metadata.
#[cfg(target_os = "linux")]
fn allocate(file: &File, length: u64) -> io::Result<()> {
    use rustix::{
        fs::{FallocateFlags, fallocate},
        io::Errno,
    };
    match fallocate(file, FallocateFlags::empty(), 0, length) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => write_zeros(file, length),
        other => other.map_err(io::Error::from),
    }
}

#[cfg(not(target_os = "linux"))]
fn allocate(file: &File, length: u64) -> io::Result<()> {
    write_zeros(file, length)
}

/// For file systems that can't allocate ahead.
fn write_zeros(file: &File, length: u64) -> io::Result<()> {
    static ZEROS: [u8; 65_536] = [0; 65_536];
    let mut position = 0;
    while position < length {
        let rest = length - position;
        let size = usize::try_from(rest).map_or(ZEROS.len(), |rest| rest.min(ZEROS.len()));
        file.write_all_at(ZEROS.get(..size).unwrap_or_default(), position)?;
        position += size as u64;
    }
    Ok(())
}
