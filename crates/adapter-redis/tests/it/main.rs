//! On the real engine: the contract, and faults on servers of the tests' own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "test code"
)]

mod contract;
mod failover;
mod faults;
mod server;
