//! Scenarios through the public SDK against real server processes.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "test code"
)]

mod aborted;
mod ambient;
mod canary;
mod chat;
mod copies;
mod edge;
#[cfg(feature = "fleet")]
mod faults;
mod full;
mod killed;
mod restarts;
mod telemetry;

use xchat_integration_tests::{House, Shape};

/// The server's program, built with these tests.
const SERVER: &str = env!("CARGO_BIN_EXE_server-under-test");

/// The house of a test; under the feature `fleet` a fleet, whatever the test asks for.
fn house(shape: Shape) -> House {
    house_with(shape, &[])
}

fn house_with(shape: Shape, settings: &[(&str, &str)]) -> House {
    let fleet = cfg!(feature = "fleet");
    let shape = if fleet { Shape::Fleet } else { shape };
    House::with(SERVER, shape, settings)
}
