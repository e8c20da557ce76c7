//! The files that git tracks or would track.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result, ensure};

/// A file of the repository, by its path from the top.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    pub(crate) fn extension(&self) -> &str {
        self.path
            .rsplit_once('.')
            .map_or("", |(_, extension)| extension)
    }

    pub(crate) fn name(&self) -> &str {
        self.path
            .rsplit_once('/')
            .map_or(self.path.as_str(), |(_, name)| name)
    }

    pub(crate) fn lines(&self) -> usize {
        self.text.lines().count()
    }
}

pub(crate) fn root() -> Result<PathBuf> {
    let top = run("git", &["rev-parse", "--show-toplevel"])?;
    Ok(PathBuf::from(top.trim_end()))
}

/// All text files, tracked or new, but no ignored one.
pub(crate) fn files() -> Result<Vec<File>> {
    let root = root()?;
    let list = run(
        "git",
        &["-C", path(&root)?, "ls-files", "-co", "--exclude-standard"],
    )?;
    let mut files = Vec::new();
    for line in list.lines() {
        // A deleted file is still listed; a binary one has no text.
        if let Ok(text) = fs::read_to_string(root.join(line)) {
            files.push(File {
                path: line.to_owned(),
                text,
            });
        }
    }
    Ok(files)
}

pub(crate) fn path(path: &std::path::Path) -> Result<&str> {
    path.to_str().context("the checkout's path is not UTF-8")
}

pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("{program} can't be started"))?;
    ensure!(
        output.status.success(),
        "{program} {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}
