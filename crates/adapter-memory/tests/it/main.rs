//! The contract suites on the in-memory adapters, healthy and nasty, and what is special to them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "test code"
)]

mod contract;
mod torn_batches;
