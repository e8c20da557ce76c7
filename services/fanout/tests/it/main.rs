//! The fold against an independent model, the worker against failing engines, the service over
//! real gRPC in the process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "test code"
)]

mod embedded;
mod golden;
mod house;
mod laws;
mod meaning;
mod model;
mod ownership;
mod person;
mod prop_fold;
mod pushes;
mod replay;
mod rig;
mod script;
mod service;
mod stepping;
mod world;
