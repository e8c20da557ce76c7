//! Guards and generators of this repository; imports nothing of the workspace.
//!
//! `cargo run -p xtask -- check` runs every guard; each says what it found and where.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a guard's findings are its output"
)]

mod docs;
mod planted;
mod proto;
mod repository;
mod size;
mod summary;
mod tiers;
mod words;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// All guards, one after the other
    Check,
    /// No source file above the hard limit
    CheckSize,
    /// Who may import whom
    CheckTiers,
    /// Wire and stored formats against the commit in proto/BASELINE
    CheckProto,
    /// No machine path, registry host or catch-all file name
    CheckWords,
    /// Planted faults still fit the sources
    CheckPlanted,
    /// Write the generated sections of the docs
    Docs {
        /// Only say whether they are up to date
        #[arg(long)]
        check: bool,
    },
    /// Plant each fault, or those named, and say whether its tests find it
    Planted { faults: Vec<String> },
    /// Pass test output through and end with one summed line
    TestSummary,
}

fn main() -> ExitCode {
    match run(&Arguments::parse().command) {
        Ok(code) => code,
        // Without a backtrace, whatever the environment says: the sentence is for a person.
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<ExitCode> {
    let findings = match command {
        Command::Check => all()?,
        Command::CheckSize => size::check()?,
        Command::CheckTiers => tiers::check()?,
        Command::CheckProto => proto::check()?,
        Command::CheckWords => words::check()?,
        Command::CheckPlanted => planted::check()?,
        Command::Docs { check } => docs::run(*check)?,
        Command::Planted { faults } => return planted::run(faults),
        Command::TestSummary => return summary::run(),
    };
    for finding in &findings {
        println!("{finding}");
    }
    Ok(if findings.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn all() -> Result<Vec<String>> {
    let mut findings = size::check()?;
    findings.extend(tiers::check()?);
    findings.extend(words::check()?);
    findings.extend(planted::check()?);
    findings.extend(docs::run(true)?);
    findings.extend(proto::check()?);
    Ok(findings)
}
