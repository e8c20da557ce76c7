//! The service over gRPC in process, on both directories.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test code"
)]

mod canary;
mod faults;
mod golden;
mod house;
mod invites;
mod key_packages;
mod person;
mod proofs;
mod refresh;
mod revocations;
mod sessions;
mod signup;
mod usernames;
