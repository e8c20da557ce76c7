//! The program.

use std::process::ExitCode;

fn main() -> ExitCode {
    xchat_bench::cli::main()
}
