//! `xchat-server`, for the benchmarks of this crate.

use std::process::ExitCode;

fn main() -> ExitCode {
    xchat_server::cli::main(std::env::args_os())
}
