//! The contract suites on the real engine, and what only a real engine does.
//! Run with `XCHAT_TEST_SCYLLA=host:port[,host:port…]`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

mod contention;
mod directory_store;
mod engine;
mod message_store;
mod migrator;
