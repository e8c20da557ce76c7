//! Two engines talk through an in-process relay, whatever happens on the way.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "test code fails loudly"
)]

mod clock;
mod copies;
mod crash;
mod doubt;
mod golden;
mod host;
mod malice;
mod outbox;
mod relay;
mod request;
mod returned;
mod session;
mod talk;
mod weather;
mod world;
