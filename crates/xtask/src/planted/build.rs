//! Cargo in the copied tree: builds one test binary and says where it is.
//!
//! What is built on the way lies beside everything else, so that the libraries from registries are
//! those of the checkout. Our own crates must not be: cargo goes by names and paths within the
//! workspace, would take those of the copy for those of the checkout, and then looks in the copy
//! whether they have changed. So the copy's are compiled in another number of units, which cargo tells
//! apart. What comes of it lies in a folder of its own, so that no program with a fault in it ever takes
//! the place of a healthy one.

use std::{path::PathBuf, process::Command};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::fault::Test;

#[derive(Debug)]
pub(super) struct Cargo {
    tree: PathBuf,
    built: PathBuf,
    /// What sets our own crates apart.
    apart: Vec<String>,
}

/// A test binary, and the folder that its tests expect to run in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Binary {
    pub(super) program: PathBuf,
    pub(super) folder: PathBuf,
}

impl Cargo {
    /// Cargo in a tree whose workspace has these crates.
    pub(super) fn new(tree: PathBuf, built: PathBuf, crates: &[&str]) -> Self {
        let apart = crates.iter().copied().map(apart).collect();
        Self { tree, built, apart }
    }

    /// The binary that holds a test, or what the compiler says against it.
    pub(super) fn build(&self, test: &Test) -> Result<Result<Binary, String>> {
        let kind: &[&str] = if test.unit {
            &["--lib"]
        } else {
            &["--test", "it"]
        };
        let shared = self.built.ancestors().nth(2).context("no target folder")?;
        let output = Command::new("cargo")
            .args(["test", "--locked", "--no-run", "--message-format", "json"])
            .args(["--package", &test.package])
            .args(kind)
            .args(&self.apart)
            .current_dir(&self.tree)
            .env("CARGO_BUILD_BUILD_DIR", shared)
            .env("CARGO_TARGET_DIR", &self.built)
            .output()
            .context("cargo can't be started")?;
        let messages = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            let said = first_error(&messages);
            let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Ok(Err(said.unwrap_or(stderr)));
        }
        let binary = binary(&messages).context("cargo built no test binary")?;
        Ok(Ok(binary))
    }
}

/// One less than cargo's own number, which nobody sets.
fn apart(name: &str) -> String {
    format!("--config=profile.dev.package.{name}.codegen-units=255")
}

fn first_error(messages: &str) -> Option<String> {
    json(messages).find_map(|message| {
        let level = message.pointer("/message/level")?;
        let text = message.pointer("/message/rendered")?.as_str()?;
        (level == "error").then(|| text.to_owned())
    })
}

fn binary(messages: &str) -> Option<Binary> {
    json(messages).find_map(|message| {
        let test = message.pointer("/profile/test")? == true;
        let program = message.get("executable")?.as_str().filter(|_| test)?;
        let manifest = PathBuf::from(message.get("manifest_path")?.as_str()?);
        Some(Binary {
            program: PathBuf::from(program),
            folder: manifest.parent()?.to_owned(),
        })
    })
}

fn json(messages: &str) -> impl Iterator<Item = Value> {
    let lines = messages.lines();
    lines.filter_map(|line| serde_json::from_str(line).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_binary_is_told_from_other_artifacts() {
        let messages = r#"
            {"reason":"compiler-artifact","manifest_path":"/t/x/Cargo.toml","profile":{"test":false},"executable":"/t/x/server"}
            {"reason":"compiler-artifact","manifest_path":"/t/x/Cargo.toml","profile":{"test":true},"executable":"/t/x/it"}
        "#;
        let expected = Binary {
            program: PathBuf::from("/t/x/it"),
            folder: PathBuf::from("/t/x"),
        };
        assert_eq!(binary(messages), Some(expected));
    }

    #[test]
    fn the_first_error_is_told_and_warnings_are_not() {
        let messages = r#"
            {"message":{"level":"warning","rendered":"unused"}}
            {"message":{"level":"error","rendered":"mismatched types"}}
        "#;
        assert_eq!(first_error(messages).as_deref(), Some("mismatched types"));
        assert_eq!(first_error(""), None);
    }
}
