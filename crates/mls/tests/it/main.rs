//! Tests of the public API; where a test needs a member that breaks the rules, of OpenMLS itself.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

mod control;
mod conversation;
mod credential;
mod genesis;
mod golden;
mod inspect;
mod join;
mod key_packages;
mod limits;
mod person;
mod prop_bytes;
mod refusals;
mod rogue;
mod rogue_commits;
mod rogue_members;
mod roles;
mod server;
mod snapshot;
mod tamper;
mod vectors;
