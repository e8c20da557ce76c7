//! The program as a stranger uses it: the real binary against a real server in this process.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "test code fails by panicking"
)]

mod away;
mod fake;
mod golden;
mod house;
mod json;
mod mask;
mod mistakes;
mod profile;
mod secrecy;
mod talk;
