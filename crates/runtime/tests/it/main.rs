//! Settings, lifecycle, channels and the public listener, from outside.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

mod channel;
mod config;
mod config_text;
mod http;
mod lifecycle;
mod mtls;
mod settings;
