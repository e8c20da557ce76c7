//! Generated sections of the docs, between `<!-- generated: NAME -->` and `<!-- end -->`.

use std::{fmt::Write as _, fs};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::{repository, tiers};

const PAGE: &str = "docs/architecture.md";

/// Writes the sections, or, with `check`, says which are out of date.
pub(crate) fn run(check: bool) -> Result<Vec<String>> {
    let path = repository::root()?.join(PAGE);
    let page = fs::read_to_string(&path).with_context(|| PAGE.to_owned())?;
    let metadata = tiers::metadata()?;
    let fresh = replace(&page, "crates", &crates(&metadata)?)?;
    let fresh = replace(&fresh, "tiers", &imports()?)?;
    if fresh == page {
        println!("docs: generated sections are up to date");
        return Ok(Vec::new());
    }
    if check {
        return Ok(vec![format!("docs: {PAGE} is out of date: run make docs")]);
    }
    fs::write(path, fresh)?;
    println!("docs: wrote {PAGE}");
    Ok(Vec::new())
}

/// One row a crate that exists, in the order of the tiers.
fn crates(metadata: &Value) -> Result<String> {
    let packages = tiers::packages(metadata)?;
    let root = metadata["workspace_root"].as_str().unwrap_or_default();
    let mut table = String::from("| tier | crate | folder | what it is |\n|---|---|---|---|\n");
    for tier in tiers::TIERS {
        for name in tier.crates {
            let Some(package) = packages.iter().find(|package| package["name"] == *name) else {
                continue;
            };
            let about = package["description"].as_str().unwrap_or_default();
            let folder = package["manifest_path"]
                .as_str()
                .and_then(|path| path.strip_prefix(root)?.strip_suffix("/Cargo.toml"))
                .with_context(|| format!("{name} lies outside the workspace"))?
                .trim_start_matches('/');
            writeln!(table, "| {} | `{name}` | `{folder}` | {about} |", tier.name)?;
        }
    }
    Ok(table)
}

/// The whole table, with the crates that are yet to come.
fn imports() -> Result<String> {
    let mut table = String::from("| tier | may import | its tests also |\n|---|---|---|\n");
    for tier in tiers::TIERS {
        let (imports, tests) = (listed(tier.imports), listed(tier.tests));
        writeln!(table, "| {} | {imports} | {tests} |", tier.name)?;
    }
    Ok(table)
}

fn listed(groups: &[tiers::Group]) -> String {
    let names: Vec<&str> = groups.iter().map(|group| group.name).collect();
    if names.is_empty() {
        return "–".to_owned();
    }
    names.join(", ")
}

fn replace(page: &str, name: &str, content: &str) -> Result<String> {
    let open = format!("<!-- generated: {name} -->\n");
    let (before, rest) = page
        .split_once(&open)
        .with_context(|| format!("{PAGE} has no section {name}"))?;
    let (_, after) = rest
        .split_once("<!-- end -->")
        .with_context(|| format!("section {name} of {PAGE} has no end"))?;
    Ok(format!("{before}{open}{content}<!-- end -->{after}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_section_is_replaced_and_the_rest_stays() {
        let page = "a\n<!-- generated: x -->\nold\n<!-- end -->\nb\n";
        let fresh = replace(page, "x", "new\n").unwrap();
        assert_eq!(fresh, "a\n<!-- generated: x -->\nnew\n<!-- end -->\nb\n");
    }

    #[test]
    fn a_page_without_the_section_or_its_end_is_refused() {
        assert!(replace("a\n", "x", "").is_err());
        assert!(replace("<!-- generated: x -->\na\n", "x", "").is_err());
    }

    #[test]
    fn a_crate_is_listed_with_tier_folder_and_purpose() {
        let metadata = json!({ "workspace_root": "/r", "packages": [{
            "name": "xchat-fanout",
            "manifest_path": "/r/services/fanout/Cargo.toml",
            "description": "The fold",
        }]});
        let row = "| 3, services | `xchat-fanout` | `services/fanout` | The fold |\n";
        assert!(crates(&metadata).unwrap().ends_with(row));
    }

    #[test]
    fn the_table_names_what_a_tier_may_import() {
        assert!(
            imports()
                .unwrap()
                .contains("| client, terminal | sdk | server |\n")
        );
    }
}
