//! The event log on a real Kafka: the contract suite, members, faults, and topics that are refused.
//!
//! Needs `XCHAT_TEST_KAFKA=host:port[,host:port…]`. With three brokers topics have three replicas,
//! of which two must be in sync, with fewer one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "test code"
)]

mod contract;
mod damage;
mod history;
mod lines;
mod members;
mod rig;
mod stack;
mod tls;
mod topics;
