//! The binary and the library, as operators and tests use them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

mod config_docs;
mod golden;
mod mistakes;
mod process;
mod roles;
mod start_errors;
mod stop;
