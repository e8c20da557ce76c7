//! What can go wrong when the log is opened, and what the engine answers later.

use std::fmt;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use thiserror::Error;
use xchat_ports::PortError;

#[derive(Debug, Error)]
pub enum OpenError {
    #[error("Kafka can't be reached or refuses: {0}")]
    Kafka(#[from] KafkaError),
    #[error("Kafka does not answer: {0}")]
    Unavailable(#[from] PortError),
    #[error("topic {topic}: {what}")]
    Topic { topic: String, what: String },
    /// The topic would lose records, or keep them for too long.
    #[error("topic {topic} is not set up for this log:{}", listed(.wrong))]
    Settings {
        topic: String,
        wrong: Vec<WrongSetting>,
    },
}

/// A setting of the topic, and the command that mends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongSetting {
    pub name: String,
    pub found: String,
    pub needed: String,
    pub command: String,
}

impl fmt::Display for WrongSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} is {}, must be {}: {}",
            self.name, self.found, self.needed, self.command
        )
    }
}

fn listed(wrong: &[WrongSetting]) -> String {
    let lines: Vec<_> = wrong.iter().map(ToString::to_string).collect();
    format!("\n  {}", lines.join("\n  "))
}

/// Everything that is not known to be the caller's fault is unknown, and may be tried again.
pub(crate) fn port_error(error: KafkaError) -> PortError {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::MessageSizeTooLarge) => {
            PortError::TooLarge("the record is larger than the topic takes")
        }
        _ => PortError::unavailable(error),
    }
}
