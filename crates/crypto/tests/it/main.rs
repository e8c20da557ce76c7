//! Tests of the public API, and the golden vectors of `testdata/crypto/`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

mod control;
mod envelope;
mod golden;
mod login;
mod phrase;
mod proof;
mod prop_certificate;
mod prop_padding;
mod prop_seal;
mod safety;
mod sample;
mod sign;
mod vectors;
