//! Generated sections of the docs, between `<!-- generated: NAME -->` and `<!-- end -->`.

use std::{fmt::Write as _, fs};

use anyhow::{Context as _, Result};

use crate::{repository, tiers};

const PAGE: &str = "docs/architecture.md";

/// Writes the sections, or, with `check`, says which are out of date.
pub(crate) fn run(check: bool) -> Result<Vec<String>> {
    let path = repository::root()?.join(PAGE);
    let page = fs::read_to_string(&path).with_context(|| PAGE.to_owned())?;
    let fresh = replace(&page, "crates", &crates()?)?;
    if fresh == page {
        return Ok(Vec::new());
    }
    if check {
        return Ok(vec![format!(
            "docs: {PAGE} is out of date: run `make docs`"
        )]);
    }
    fs::write(path, fresh)?;
    println!("docs: wrote {PAGE}");
    Ok(Vec::new())
}

/// One row a crate, in the order of the tiers.
fn crates() -> Result<String> {
    let metadata = tiers::metadata()?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    let mut table = String::from("| tier | crate | what it is |\n|---|---|---|\n");
    for tier in tiers::TIERS {
        for name in tier.crates {
            let Some(package) = packages.iter().find(|package| package["name"] == *name) else {
                continue;
            };
            let about = package["description"].as_str().unwrap_or_default();
            writeln!(table, "| {} | `{name}` | {about} |", tier.name)?;
        }
    }
    Ok(table)
}

fn replace(page: &str, name: &str, content: &str) -> Result<String> {
    let open = format!("<!-- generated: {name} -->\n");
    let (before, rest) = page
        .split_once(&open)
        .with_context(|| format!("no section {name}"))?;
    let (_, after) = rest
        .split_once("<!-- end -->")
        .context("a section without an end")?;
    Ok(format!("{before}{open}{content}<!-- end -->{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_replaced_and_the_rest_stays() {
        let page = "a\n<!-- generated: x -->\nold\n<!-- end -->\nb\n";
        let fresh = replace(page, "x", "new\n").unwrap();
        assert_eq!(fresh, "a\n<!-- generated: x -->\nnew\n<!-- end -->\nb\n");
        assert!(replace(page, "y", "").is_err());
    }
}
