//! The copy of the working tree that faults are planted into.
//!
//! It stays where it is between runs, and only files that differ are written, so that cargo builds
//! no more than what changed. Every write, also the one that takes a fault out again, is newer than
//! what was built before it.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use super::{fault::Edit, stale};
use crate::repository;

/// Nobody else plants into it meanwhile.
#[derive(Debug)]
pub(super) struct Tree {
    folder: PathBuf,
    _lock: File,
}

/// A tree with a fault in it. To be restored before the next.
#[derive(Debug)]
pub(super) struct Planted {
    healthy: Vec<(PathBuf, String)>,
}

impl Tree {
    /// Brings the copy up to what git tracks, or would track, in the working tree.
    pub(super) fn open(folder: PathBuf, lock: &Path) -> Result<Self> {
        fs::create_dir_all(&folder)?;
        let lock = File::create(lock)?;
        if lock.try_lock().is_err() {
            bail!("another run plants into {}", folder.display());
        }
        let root = repository::root()?;
        let mut kept = BTreeSet::new();
        for path in repository::paths()? {
            // A deleted file is still listed.
            if let Ok(bytes) = fs::read(root.join(&path)) {
                write(&folder.join(&path), &bytes)?;
                kept.insert(folder.join(path));
            }
        }
        remove_others(&folder, &kept)?;
        Ok(Self {
            folder,
            _lock: lock,
        })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Applies the edits of a fault, all or none.
    pub(super) fn plant(&self, edits: &[Edit]) -> Result<Result<Planted, String>> {
        let mut changed = BTreeMap::new();
        for edit in edits {
            let path = self.folder.join(&edit.file);
            let (_, text) = match changed.entry(path) {
                Entry::Occupied(held) => held.into_mut(),
                Entry::Vacant(free) => {
                    let text = fs::read_to_string(free.key()).with_context(|| edit.file.clone())?;
                    free.insert((text.clone(), text))
                }
            };
            *text = match stale::apply(text, edit) {
                Ok(edited) => edited,
                Err(why) => return Ok(Err(why)),
            };
        }
        for (path, (_, text)) in &changed {
            fs::write(path, text)?;
        }
        let healthy = changed.into_iter();
        Ok(Ok(Planted {
            healthy: healthy.map(|(path, (before, _))| (path, before)).collect(),
        }))
    }
}

impl Planted {
    pub(super) fn restore(self) -> Result<()> {
        for (path, text) in self.healthy {
            fs::write(path, text)?;
        }
        Ok(())
    }
}

/// Leaves a file that is as it should be untouched.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|held| held == bytes) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes).with_context(|| path.display().to_string())
}

fn remove_others(folder: &Path, kept: &BTreeSet<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            remove_others(&path, kept)?;
        } else if !kept.contains(&path) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(find: &str, replace: &str) -> Edit {
        Edit {
            file: "a.rs".to_owned(),
            find: find.to_owned(),
            replace: replace.to_owned(),
        }
    }

    /// A tree of one file, in a folder that goes with the test.
    fn tree(name: &str) -> (Tree, PathBuf) {
        let folder = std::env::temp_dir().join(format!("planted-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("a.rs");
        fs::write(&file, "one two three").unwrap();
        let tree = Tree {
            _lock: File::open(&file).unwrap(),
            folder,
        };
        (tree, file)
    }

    #[test]
    fn a_fault_of_several_edits_is_planted_and_taken_out_again() {
        let (tree, file) = tree("both");
        let planted = tree.plant(&[edit("one", "1"), edit("two", "2")]).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "1 2 three");
        planted.unwrap().restore().unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "one two three");
        fs::remove_dir_all(tree.folder()).unwrap();
    }

    #[test]
    fn a_fault_that_fits_in_part_changes_nothing() {
        let (tree, file) = tree("part");
        let planted = tree.plant(&[edit("one", "1"), edit("four", "4")]).unwrap();
        assert!(planted.is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "one two three");
        fs::remove_dir_all(tree.folder()).unwrap();
    }
}
