//! The binary and the library, as operators and tests use them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "test code"
)]

mod config_docs;
mod full_disk;
mod golden;
mod metrics_docs;
mod mistakes;
mod process;
mod roles;
mod start_errors;
mod stop;
