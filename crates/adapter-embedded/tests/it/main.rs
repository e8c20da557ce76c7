//! The contract suites on the embedded adapters, and what a disk may do to them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "test code"
)]

mod composition;
mod damage;
mod directory_store;
mod event_log;
mod full_disk;
mod message_store;
mod power_cut;
mod routing;
mod support;
