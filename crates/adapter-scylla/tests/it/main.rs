//! The contract suites on the real engine, and what only a real engine does.
//! Run with `XCHAT_TEST_SCYLLA=host:port[,host:port…]`, all nodes by one port.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "test code"
)]

mod contention;
mod directory_store;
mod engine;
mod history;
mod lines;
mod message_store;
mod migrator;
mod stack;
mod torn_batches;
