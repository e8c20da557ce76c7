//! Wire and stored formats against the commit that `proto/BASELINE` names.

use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::repository;

/// Formats are free until v0.1.0; from then on nothing that was released may break.
pub(crate) fn check() -> Result<Vec<String>> {
    let root = repository::root()?;
    let baseline = fs::read_to_string(root.join("proto/BASELINE")).context("proto/BASELINE")?;
    let Some(commit) = commit(&baseline)? else {
        println!("proto: no baseline until v0.1.0, so formats are free to change");
        return Ok(Vec::new());
    };
    let found = breaks(repository::path(&root)?, commit)?;
    println!("proto: compared with {commit}");
    Ok(found)
}

fn breaks(root: &str, commit: &str) -> Result<Vec<String>> {
    // In a linked worktree `.git` is a file, which buf doesn't follow.
    let git = [
        "-C",
        root,
        "rev-parse",
        "--path-format=absolute",
        "--git-common-dir",
    ];
    let git = repository::run("git", &git)?;
    let against = format!("{}#format=git,ref={commit},subdir=proto", git.trim_end());
    let proto = format!("{root}/proto");
    let output = repository::output("buf", &["breaking", &proto, "--against", &against])?;
    // buf's own code for "there are findings"; anything else is a failure of the check.
    match output.status.code() {
        Some(0) => Ok(Vec::new()),
        Some(100) => Ok(String::from_utf8(output.stdout)?
            .lines()
            .map(|line| format!("proto: {line}"))
            .collect()),
        _ => bail!(
            "buf breaking: {}",
            String::from_utf8_lossy(&output.stderr).trim_end()
        ),
    }
}

/// The first line that is no comment: `none`, or a commit.
fn commit(baseline: &str) -> Result<Option<&str>> {
    let line = baseline
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#'))
        .context("proto/BASELINE names nothing")?;
    match line {
        "none" => Ok(None),
        commit if commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit()) => {
            Ok(Some(commit))
        }
        other => bail!("proto/BASELINE: {other} is neither none nor a full commit id"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_baseline_is_none_or_a_full_commit() {
        assert_eq!(commit("# why\nnone\n").unwrap(), None);
        let full = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(commit(full).unwrap(), Some(full));
        assert!(commit("v0.1.0").is_err());
        assert!(commit("# only words").is_err());
    }
}
