//! Wire and stored formats against the commit that `proto/BASELINE` names.

use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::repository;

/// Formats are free until v0.1.0; from then on nothing that was released may break.
pub(crate) fn check() -> Result<Vec<String>> {
    let root = repository::root()?;
    let baseline = fs::read_to_string(root.join("proto/BASELINE")).context("proto/BASELINE")?;
    let Some(commit) = commit(&baseline)? else {
        println!("proto: no baseline until v0.1.0");
        return Ok(Vec::new());
    };
    let against = format!(
        "{}/.git#ref={commit},subdir=proto",
        repository::path(&root)?
    );
    let proto = format!("{}/proto", repository::path(&root)?);
    Ok(
        match repository::run("buf", &["breaking", &proto, "--against", &against]) {
            Ok(_) => Vec::new(),
            Err(error) => vec![format!("proto: {error}")],
        },
    )
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
