//! Scenarios through the public SDK against real server processes.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "test code"
)]

mod canary;
mod chat;
mod edge;
mod restarts;

use xchat_integration_tests::{House, Shape};

/// The server's program, built with these tests.
const SERVER: &str = env!("CARGO_BIN_EXE_server-under-test");

fn house(shape: Shape) -> House {
    House::start(SERVER, shape)
}
