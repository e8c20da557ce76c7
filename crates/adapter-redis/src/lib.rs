//! Routes on Redis or Valkey, single or cluster. Hints only: what this engine forgets costs
//! latency, no message.

mod cluster;
mod config;
mod engine;
mod key;
mod routing;
mod script;

pub use config::RedisConfig;
pub use routing::RedisRouting;
