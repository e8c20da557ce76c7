//! `xchat` in a terminal: one command a run, or an open chat.
//!
//! Data goes to standard output, everything else to standard error; `--json` changes the first
//! only. README.md beside this crate holds the fields and exit codes, which are an interface.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a command listens for the events it is about; all others are none of its business"
)]

mod args;
mod clean;
mod command;
mod exit;
mod failure;
mod json;
mod peer;
mod place;
mod reasons;
mod screen;
mod session;
mod when;

use std::process::ExitCode;

use clap::{Parser as _, error::ErrorKind};

use crate::{args::Line, exit::Exit, failure::Failure, place::Place, screen::Screen};

fn main() -> ExitCode {
    let line = match Line::try_parse() {
        Ok(line) => line,
        Err(error) => {
            // Where nobody listens there is nobody to tell.
            let _ = error.print();
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
                _ => Exit::Usage.into(),
            };
        }
    };
    let screen = Screen::new(line.global.json);
    let exit = run(line, screen).unwrap_or_else(|failure| {
        screen.failure(&failure);
        failure.exit
    });
    exit.into()
}

fn run(line: Line, screen: Screen) -> Result<Exit, Failure> {
    let place = Place::new(&line.global)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            let next = "free some memory or file handles, then do the same again";
            Failure::new(Exit::Temp, "no_runtime", error.to_string(), next)
        })?;
    let exit = runtime.block_on(Box::pin(command::run(line.command, &place, screen)));
    // A proof of work that nobody waits for any more ends with the process.
    runtime.shutdown_background();
    exit
}
