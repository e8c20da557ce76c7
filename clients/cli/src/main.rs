//! xchat in a terminal.

mod arguments;
mod command;
mod failure;
mod output;
mod peer;
mod session;
mod text;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{arguments::Arguments, failure::Failure, output::Output};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are asked for; everything else is a mistake.
            let code = if error.use_stderr() {
                failure::USAGE
            } else {
                0
            };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let output = Output::new(arguments.json);
    match run(&arguments, &output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(failure.exit)
        }
    }
}

fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(&error))?;
    let done = runtime.block_on(command::run(arguments, output));
    // A blocked read of the terminal must not keep a finished program alive.
    runtime.shutdown_background();
    done
}
