//! What every process of the server side needs and no service should write again: configuration,
//! telemetry, lifecycle, listeners, channels between services, the one mapping of errors.
//!
//! Owns the ambient sources of a process (clock, randomness, environment, signals, spawned
//! tasks); everything else gets them as parameters. Knows no service and no adapter.

pub mod ambient;
pub mod channel;
pub mod config;
pub mod http;
pub mod lifecycle;

pub mod limits;
pub mod meter;
pub mod metrics;
pub mod mtls;
pub mod service;
pub mod status;
pub mod tasks;
pub mod telemetry;
pub mod trace;

pub use config::{Mistakes, Section};
pub use service::{Drain, Health, ServiceParts, Worker};
pub use status::{Code, ServiceError};
pub use tasks::{BoxError, Death, Tasks};
pub use trace::Span;
