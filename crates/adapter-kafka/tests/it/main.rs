//! The event log on a real Kafka: the contract suite, members, faults, and topics that are refused.
//!
//! Needs `XCHAT_TEST_KAFKA=host:port`, a cluster that takes topics with one replica.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "test code"
)]

mod contract;
mod faults;
mod members;
mod rig;
mod topics;
