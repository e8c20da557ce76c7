//! Proof that the tests can fail: faults kept as edits (`testdata/planted/`), each applied to a copy
//! of the tree, compiled there, and found by the tests that it names. Production code holds no
//! branch for them (ADR 0012).

mod build;
mod fault;
mod proof;
mod score;
mod stale;
mod tree;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use self::{
    build::Cargo,
    fault::{Fault, Proof, Test},
    proof::{Verdict, judge},
    tree::Tree,
};
use crate::{repository, tiers};

/// Says which faults do not fit the sources any more. Compiles nothing.
pub(crate) fn check() -> Result<Vec<String>> {
    let files = repository::files()?;
    let faults = fault::of(&files)?;
    println!("planted: {} faults", faults.len());
    Ok(stale::findings(&faults, &files))
}

/// Plants the faults of these names, or all, and prints the score.
pub(crate) fn run(names: &[String]) -> Result<ExitCode> {
    let faults = fault::of(&repository::files()?)?;
    let proofs = choose(&faults, names)?;
    let metadata = tiers::metadata()?;
    let folder = folder(&metadata)?;
    let tree = Tree::open(folder.join("tree"), &folder.join("lock"))?;
    let crates = tiers::names(&metadata)?;
    let cargo = Cargo::new(tree.folder().to_owned(), folder.join("built"), &crates);
    let unfit = unfit(&cargo, &proofs)?;
    let mut score = Vec::new();
    for proof in proofs {
        let verdict = match unfit.iter().find(|(test, _)| test.is(proof.test)) {
            Some((_, verdict)) => verdict.clone(),
            None => planted(&tree, &cargo, proof)?,
        };
        eprintln!("{}: {}", proof.fault.name, score::word(&verdict));
        score.push((proof, verdict));
    }
    score::print(&score);
    Ok(if score::is_full(&score) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The proofs of the named faults, those of one crate beside each other: they share its build.
fn choose<'a>(faults: &'a [Fault], names: &[String]) -> Result<Vec<Proof<'a>>> {
    for name in names {
        if !faults.iter().any(|fault| fault.name == *name) {
            let known: Vec<_> = faults.iter().map(|fault| fault.name.as_str()).collect();
            bail!("no fault is called {name}; there are: {}", known.join(", "));
        }
    }
    let meant = |fault: &&Fault| names.is_empty() || names.contains(&fault.name);
    let mut proofs: Vec<_> = faults
        .iter()
        .filter(meant)
        .flat_map(Fault::proofs)
        .collect();
    proofs.sort_by_key(Proof::order);
    Ok(proofs)
}

/// Tests that can't prove anything here: those that fail without a fault too, and those of an
/// engine that is not there.
fn unfit<'a>(cargo: &Cargo, proofs: &[Proof<'a>]) -> Result<Vec<(&'a Test, Verdict)>> {
    let mut tried: Vec<(&Test, Verdict)> = Vec::new();
    for Proof { test, .. } in proofs {
        if !tried.iter().any(|(other, _)| other.is(test)) {
            tried.push((test, without(cargo, test)?));
        }
    }
    let all = tried.len();
    tried.retain(|(_, verdict)| *verdict != Verdict::NotFound);
    eprintln!("{} of {all} tests pass without a fault", all - tried.len());
    Ok(tried)
}

fn without(cargo: &Cargo, test: &Test) -> Result<Verdict> {
    if let Some(engine) = test.missing_engine() {
        return Ok(Verdict::Needs(engine));
    }
    let verdict = judge(cargo, test)?;
    Ok(if verdict == Verdict::NotFound {
        verdict
    } else {
        Verdict::Unhealthy(Box::new(verdict))
    })
}

fn planted(tree: &Tree, cargo: &Cargo, proof: Proof<'_>) -> Result<Verdict> {
    match tree.plant(&proof.fault.edits)? {
        Err(stale) => Ok(Verdict::Stale(stale)),
        Ok(planted) => {
            let verdict = judge(cargo, proof.test);
            planted.restore()?;
            verdict
        }
    }
}

fn folder(metadata: &Value) -> Result<PathBuf> {
    let target = metadata.get("target_directory").and_then(Value::as_str);
    let target = target.context("cargo names no target directory")?;
    Ok(PathBuf::from(target).join("planted"))
}
