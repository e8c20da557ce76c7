//! `xchat` in a terminal: one command a run, or an open chat.
//!
//! Data goes to standard output, everything else to standard error; under `--json` both are objects,
//! one a line. README.md beside this crate holds the fields and exit codes, which are an interface.

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

use clap::error::ErrorKind;

use crate::{args::Line, exit::Exit, failure::Failure, place::Place, screen::Screen};

fn main() -> ExitCode {
    let line = match Line::read(std::env::args_os()) {
        Ok(line) => line,
        Err(error) => return unreadable(&error),
    };
    let screen = Screen::new(line.global.json);
    let exit = run(line, screen).unwrap_or_else(|failure| {
        screen.failure(&failure);
        failure.exit
    });
    exit.into()
}

/// A command line that can't be read, or asks for help.
fn unreadable(error: &clap::Error) -> ExitCode {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        // Where nobody listens there is nobody to tell.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let words = std::env::args_os().take_while(|word| word != "--");
    if words.into_iter().any(|word| word == "--json") {
        let failure = Failure::new(
            Exit::Usage,
            "usage",
            args::message(error),
            "look at `xchat --help`, or `xchat help COMMAND`",
        );
        Screen::new(true).failure(&failure);
    } else {
        let _ = error.print();
    }
    Exit::Usage.into()
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
