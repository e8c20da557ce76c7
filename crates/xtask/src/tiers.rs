//! Who may import whom: the table of `tiers/table.rs` against what `cargo metadata` says.

mod table;

use anyhow::{Context as _, Result};
use serde_json::Value;

use table::{ALONE, CLIENTS, Tier};
pub(crate) use table::{Group, TIERS};

use crate::repository;

pub(crate) fn metadata() -> Result<Value> {
    let arguments = ["metadata", "--locked", "--no-deps", "--format-version", "1"];
    let text = repository::run("cargo", &arguments)?;
    Ok(serde_json::from_str(&text)?)
}

pub(crate) fn packages(metadata: &Value) -> Result<&Vec<Value>> {
    metadata["packages"]
        .as_array()
        .context("cargo metadata names no packages")
}

pub(crate) fn check() -> Result<Vec<String>> {
    let metadata = metadata()?;
    let mut found = imports(&metadata)?;
    let names = names(&metadata)?;
    for client in CLIENTS.iter().filter(|client| names.contains(client)) {
        let tree = repository::run(
            "cargo",
            &[
                "tree", "--locked", "-p", client, "-e", "normal", "--prefix", "none",
            ],
        )?;
        if links_grpc(&tree) {
            found.push(format!("tiers: {client} links tonic; clients speak frames"));
        }
    }
    println!("tiers: {} crates in {} tiers", names.len(), TIERS.len());
    Ok(found)
}

pub(crate) fn names(metadata: &Value) -> Result<Vec<&str>> {
    let packages = packages(metadata)?;
    Ok(packages.iter().filter_map(|p| p["name"].as_str()).collect())
}

fn imports(metadata: &Value) -> Result<Vec<String>> {
    let names = names(metadata)?;
    let mut found = Vec::new();
    for package in packages(metadata)? {
        let name = package["name"].as_str().context("a nameless package")?;
        let Some(tier) = TIERS.iter().find(|tier| tier.crates.contains(&name)) else {
            found.push(format!(
                "tiers: {name} is in no tier; put it into crates/xtask/src/tiers/table.rs"
            ));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let to = dependency["name"].as_str().unwrap_or_default();
            let test = dependency["kind"] == "dev";
            if names.contains(&to) {
                found.extend(inside(tier, name, to, test));
            } else {
                found.extend(outside(name, to));
            }
        }
    }
    Ok(found)
}

/// An import within the workspace; a crate's tests may import the crate itself, with features.
fn inside(tier: &Tier, name: &str, to: &str, test: bool) -> Option<String> {
    let imported = tier.imports.iter().any(|group| group.crates.contains(&to));
    let tested = test && (name == to || tier.tests.iter().any(|group| group.crates.contains(&to)));
    let what = if test { "test with" } else { "import" };
    (!imported && !tested)
        .then(|| format!("tiers: {name} (tier {}) must not {what} {to}", tier.name))
}

/// An import from outside that some crate has for itself alone.
fn outside(name: &str, to: &str) -> Option<String> {
    let (_, owners) = ALONE.iter().find(|(of, _)| match of.strip_suffix('*') {
        Some(start) => to.starts_with(start),
        None => to == *of,
    })?;
    (!owners.contains(&name)).then(|| {
        let owners = owners.join(", ");
        format!("tiers: {name} must not name {to}; only {owners} may")
    })
}

fn links_grpc(tree: &str) -> bool {
    tree.lines()
        .filter_map(|line| line.split_whitespace().next())
        .any(|package| package == "tonic" || package.starts_with("tonic-"))
}

#[cfg(test)]
mod tests;
