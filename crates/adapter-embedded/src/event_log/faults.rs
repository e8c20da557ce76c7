//! A disk that loses what was not synced. For tests only.
//!
//! Writes go to real files, which stand for the page cache; beside each file lies the image of
//! what a power cut would leave: sectors that were written since the last sync are there or not,
//! each by a toss. A sync that fails drops them, as the kernel does, and the next one succeeds
//! without them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use super::disk::{Disk, DiskFile, SystemDisk};

const SECTOR: usize = 512;

/// Clones share one disk.
#[derive(Clone, Debug)]
pub struct FaultyDisk {
    state: Arc<Mutex<State>>,
    gate: Arc<Gate>,
}

/// Holds syncs up while it is closed.
#[derive(Debug, Default)]
struct Gate {
    closed: Mutex<bool>,
    opened: Condvar,
}

#[derive(Debug)]
struct State {
    dice: u64,
    operations: u64,
    /// At which operation the power goes.
    cut_at: Option<u64>,
    dead: bool,
    skip_syncs: bool,
    failing_syncs: u32,
    full: bool,
    short_writes: u32,
    /// By inode.
    images: BTreeMap<u64, Image>,
    names: Vec<NameChange>,
}

/// What the disk holds of a file beside the page cache.
#[derive(Debug)]
struct Image {
    file: Arc<dyn DiskFile>,
    durable: Vec<u8>,
    dirty: BTreeSet<usize>,
}

/// A change of a folder that is not synced yet.
#[derive(Debug)]
enum NameChange {
    Created(PathBuf),
    Renamed(PathBuf, PathBuf),
    Removed(PathBuf, Vec<u8>),
}

impl NameChange {
    fn folder(&self) -> Option<&Path> {
        let (Self::Created(path) | Self::Renamed(_, path) | Self::Removed(path, _)) = self;
        path.parent()
    }

    fn undo(self) -> io::Result<()> {
        match self {
            Self::Created(path) if path.exists() => fs::remove_file(path),
            Self::Created(_) => Ok(()),
            Self::Renamed(from, to) => fs::rename(to, from),
            Self::Removed(path, content) => fs::write(path, content),
        }
    }
}

impl FaultyDisk {
    pub fn new(seed: u64) -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                dice: seed,
                operations: 0,
                cut_at: None,
                dead: false,
                skip_syncs: false,
                failing_syncs: 0,
                full: false,
                short_writes: 0,
                images: BTreeMap::new(),
                names: Vec::new(),
            })),
            gate: Arc::default(),
        }
    }

    /// Syncs of files wait from now on, until they are let go.
    pub fn hold_syncs(&self, hold: bool) {
        *self
            .gate
            .closed
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = hold;
        self.gate.opened.notify_all();
    }

    /// How many operations there have been: what a cut can be aimed at.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// The power goes during the operation of this number; all later ones fail.
    pub fn cut_power_at(&self, operation: u64) {
        self.state().cut_at = Some(operation);
    }

    pub fn cut_power(&self) -> io::Result<()> {
        self.state().cut_power()
    }

    /// Syncs answer "done" and do nothing: what a harness must find.
    pub fn skip_syncs(&self) {
        self.state().skip_syncs = true;
    }

    /// The next syncs of files fail.
    pub fn fail_syncs(&self, count: u32) {
        self.state().failing_syncs = count;
    }

    /// No new file can be made.
    pub fn set_full(&self, full: bool) {
        self.state().full = full;
    }

    /// The next writes stop half way for want of space.
    pub fn shorten_writes(&self, count: u32) {
        self.state().short_writes = count;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches a file. One that is open already, or was, keeps its image.
    fn adopt(
        &self,
        path: &Path,
        file: Arc<dyn DiskFile>,
        new: bool,
    ) -> io::Result<Arc<dyn DiskFile>> {
        let id = fs::metadata(path)?.ino();
        let mut state = self.state();
        if new || !state.images.contains_key(&id) {
            let mut durable = vec![0; usize::try_from(file.length()?).unwrap_or(0)];
            file.read_at(0, &mut durable)?;
            let image = Image {
                file: Arc::clone(&file),
                durable,
                dirty: BTreeSet::new(),
            };
            state.images.insert(id, image);
        }
        drop(state);
        Ok(Arc::new(FaultyFile {
            id,
            file,
            disk: self.clone(),
        }))
    }
}

impl Gate {
    fn pass(&self) {
        let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        while *closed {
            closed = self
                .opened
                .wait(closed)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl State {
    fn toss(&mut self) -> bool {
        self.dice = self
            .dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.dice >> 63 == 1
    }

    /// Counts an operation. `true` if the power goes while it runs.
    fn begin(&mut self) -> io::Result<bool> {
        if self.dead {
            return Err(no_power());
        }
        self.operations += 1;
        Ok(self.cut_at == Some(self.operations))
    }

    fn end(&mut self, cut: bool) -> io::Result<()> {
        if cut {
            self.cut_power()?;
            return Err(no_power());
        }
        Ok(())
    }

    fn cut_power(&mut self) -> io::Result<()> {
        self.dead = true;
        let names = std::mem::take(&mut self.names);
        let mut images = std::mem::take(&mut self.images);
        for image in images.values_mut() {
            let dirty = std::mem::take(&mut image.dirty);
            // All, none, or each by itself: a write may reach the disk in any part.
            let (same, all) = (self.toss(), self.toss());
            for sector in dirty {
                if if same { all } else { self.toss() } {
                    image.keep(sector)?;
                }
            }
            image.file.write_at(0, &image.durable)?;
        }
        // Journalling file systems keep the order of names: a prefix of the changes survives.
        let mut survives = true;
        let mut undone = Vec::new();
        for change in names {
            survives = survives && self.toss();
            if !survives {
                undone.push(change);
            }
        }
        undone.into_iter().rev().try_for_each(NameChange::undo)
    }

    fn write(&mut self, file: &FaultyFile, position: u64, bytes: &[u8]) -> io::Result<()> {
        let short = self.short_writes > 0;
        let written = if short {
            self.short_writes -= 1;
            bytes.get(..bytes.len() / 2).unwrap_or_default()
        } else {
            bytes
        };
        file.file.write_at(position, written)?;
        let start = usize::try_from(position).unwrap_or(usize::MAX);
        if let Some(image) = self.images.get_mut(&file.id) {
            let end = start.saturating_add(written.len());
            image.durable.resize(image.durable.len().max(end), 0);
            image.dirty.extend(start / SECTOR..end.div_ceil(SECTOR));
        }
        if short {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn sync(&mut self, id: u64) -> io::Result<()> {
        if self.skip_syncs {
            return Ok(());
        }
        let Some(image) = self.images.get_mut(&id) else {
            return Ok(());
        };
        let dirty = std::mem::take(&mut image.dirty);
        if self.failing_syncs > 0 {
            self.failing_syncs -= 1;
            return Err(io::Error::other("injected fault: the sync failed"));
        }
        dirty.into_iter().try_for_each(|sector| image.keep(sector))
    }
}

impl Image {
    /// Takes a sector of the page cache over.
    fn keep(&mut self, sector: usize) -> io::Result<()> {
        let start = sector * SECTOR;
        let end = (start + SECTOR).min(self.durable.len());
        if let Some(part) = self.durable.get_mut(start..end) {
            self.file.read_at(start as u64, part)?;
        }
        Ok(())
    }
}

fn no_power() -> io::Error {
    io::Error::other("injected fault: the power is gone")
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path, length: u64) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state();
        let cut = state.begin()?;
        if state.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let file = SystemDisk.create(path, length)?;
        state.names.push(NameChange::Created(path.to_owned()));
        state.end(cut)?;
        drop(state);
        self.adopt(path, file, true)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.state().begin()?;
        self.adopt(path, SystemDisk.open(path)?, false)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        SystemDisk.list(folder)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        let cut = state.begin()?;
        SystemDisk.rename(from, to)?;
        state
            .names
            .push(NameChange::Renamed(from.to_owned(), to.to_owned()));
        state.end(cut)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        let cut = state.begin()?;
        let content = fs::read(path)?;
        SystemDisk.remove(path)?;
        state
            .names
            .push(NameChange::Removed(path.to_owned(), content));
        state.end(cut)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.state();
        let cut = state.begin()?;
        if !cut && !state.skip_syncs {
            state.names.retain(|change| change.folder() != Some(folder));
        }
        state.end(cut)
    }
}

#[derive(Debug)]
struct FaultyFile {
    id: u64,
    file: Arc<dyn DiskFile>,
    disk: FaultyDisk,
}

impl DiskFile for FaultyFile {
    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_at(position, buffer)
    }

    fn write_at(&self, position: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        let cut = state.begin()?;
        state.write(self, position, bytes)?;
        state.end(cut)
    }

    fn shrink(&self, length: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        let cut = state.begin()?;
        self.file.shrink(length)?;
        if let Some(image) = state.images.get_mut(&self.id) {
            let kept = usize::try_from(length).unwrap_or(usize::MAX);
            image.durable.truncate(kept);
            image.dirty.retain(|sector| sector * SECTOR < kept);
        }
        state.end(cut)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.gate.pass();
        let mut state = self.disk.state();
        let cut = state.begin()?;
        if !cut {
            state.sync(self.id)?;
        }
        state.end(cut)
    }
}
