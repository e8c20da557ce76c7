//! A house to test in: real server processes on loopback, people with real clients.
//!
//! Test code: what fails here fails the test, with a sentence.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::match_wild_err_arm,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "test code: what fails here fails the test"
)]

pub mod frames;
pub mod history;
pub mod house;
pub mod load;
pub mod person;
pub mod raw;
pub mod scan;

pub use house::{House, Shape};
pub use person::Person;
