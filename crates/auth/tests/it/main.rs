//! What other crates rely on, through the public API.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test code"
)]

mod bad_tokens;
mod installation;
mod key_file;
mod revocations;
mod tokens;
