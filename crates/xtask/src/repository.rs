//! The files that git tracks or would track, and the programs that the guards ask.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context as _, Result, ensure};

/// A file of the repository, by its path from the top.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    pub(crate) fn name(&self) -> &str {
        let name = self.path.rsplit_once('/').map(|(_, name)| name);
        name.unwrap_or(&self.path)
    }

    pub(crate) fn extension(&self) -> &str {
        let extension = self.name().rsplit_once('.').map(|(_, after)| after);
        extension.unwrap_or_default()
    }

    pub(crate) fn lines(&self) -> usize {
        self.text.lines().count()
    }
}

pub(crate) fn root() -> Result<PathBuf> {
    let top = run("git", &["rev-parse", "--show-toplevel"])?;
    Ok(PathBuf::from(top.trim_end()))
}

/// All files, tracked or new, but no ignored one.
pub(crate) fn paths() -> Result<Vec<String>> {
    let root = root()?;
    let list = ["-C", path(&root)?, "ls-files", "-z", "--cached", "--others"];
    let list = run("git", &[&list[..], &["--exclude-standard"]].concat())?;
    Ok(list.split_terminator('\0').map(str::to_owned).collect())
}

/// Those that are text.
pub(crate) fn files() -> Result<Vec<File>> {
    let root = root()?;
    let mut files = Vec::new();
    for path in paths()? {
        // A deleted file is still listed; a binary one has no text.
        if let Ok(text) = fs::read_to_string(root.join(&path)) {
            files.push(File { path, text });
        }
    }
    Ok(files)
}

pub(crate) fn path(path: &Path) -> Result<&str> {
    path.to_str().context("the checkout's path is not UTF-8")
}

/// What the program prints; an error if it fails.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<String> {
    let output = output(program, arguments)?;
    ensure!(
        output.status.success(),
        "{program} {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr).trim_end()
    );
    Ok(String::from_utf8(output.stdout)?)
}

pub(crate) fn output(program: &str, arguments: &[&str]) -> Result<Output> {
    Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("{program} can't be started; make setup installs it"))
}
