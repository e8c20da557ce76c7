//! The event log on Kafka.
//!
//! One topic is the log, one record of it a record, the conversation id its key. A record is
//! acknowledged when all replicas in sync have it. Owns the topic's settings: one that would lose
//! or keep what it must not is refused at start ([`OpenError::Settings`]). No transactions: what
//! is doubled after an unknown outcome, the fold's counters absorb.
//!
//! librdkafka's blocking calls run on blocking threads, each with a deadline.

mod append;
mod blocking;
mod client;
mod config;
mod error;
mod log;
mod membership;
mod offsets;
mod read;
mod topic;
mod topic_id;

pub use config::Config;
pub use error::{OpenError, WrongSetting};
pub use log::KafkaEventLog;
