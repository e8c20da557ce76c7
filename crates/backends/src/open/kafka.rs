//! The log on Kafka, from its section.

use std::{collections::BTreeMap, fs, path::Path};

use xchat_adapter_kafka::{Config as Options, KafkaEventLog, OpenError};

use crate::{Config, Error, Trouble, config::listed, error::with_causes};

pub(super) async fn log(config: &Config) -> Result<KafkaEventLog, Error> {
    let section = &config.kafka;
    let options = Options {
        brokers: listed(&section.brokers).collect::<Vec<_>>().join(","),
        topic: section.topic.clone(),
        group: section.group.clone(),
        partitions: config.event_log.partitions,
        replication: u32::from(section.replication),
        min_in_sync: u32::from(section.min_in_sync),
        retention_ms: section.retention.as_millis(),
        session_ms: u32::try_from(section.session.as_millis()).unwrap_or(u32::MAX),
        properties: match &section.properties_file {
            Some(path) => properties(path)?,
            None => BTreeMap::new(),
        },
        ..Options::default()
    };
    KafkaEventLog::open(options).await.map_err(|error| {
        let (code, trouble) = match &error {
            OpenError::Kafka(_) | OpenError::Unavailable(_) => ("kafka_away", Trouble::Away),
            OpenError::Topic { .. } => ("kafka_topic", Trouble::Away),
            OpenError::Settings { .. } => ("kafka_settings", Trouble::Content),
        };
        let what = format!("{} (brokers: {})", with_causes(&error), section.brokers);
        Error::Engine {
            code,
            trouble,
            what,
        }
    })
}

/// A `name=value` a line; `#` begins a comment.
fn properties(path: &Path) -> Result<BTreeMap<String, String>, Error> {
    let refused = |what: String| Error::Engine {
        code: "kafka_properties",
        trouble: Trouble::Access,
        what: format!("backends.kafka.properties_file {}: {what}", path.display()),
    };
    let text = fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
    let lines = text.lines().map(str::trim).zip(1..);
    lines
        .filter(|(line, _)| !line.is_empty() && !line.starts_with('#'))
        .map(|(line, number)| {
            let pair = line.split_once('=');
            let (name, value) = pair.ok_or_else(|| refused(format!("line {number} has no =")))?;
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_properties_without_a_value_is_named_and_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("client.properties");
        fs::write(
            &path,
            "# ours\n\nsecurity.protocol = ssl\nssl.key.password=a=b\n",
        )
        .unwrap();
        let read = properties(&path).unwrap();
        assert_eq!(read["security.protocol"], "ssl");
        assert_eq!(read["ssl.key.password"], "a=b");
        fs::write(&path, "secret\n").unwrap();
        let error = properties(&path).unwrap_err();
        assert_eq!(error.code(), "kafka_properties");
        assert!(error.to_string().ends_with("line 1 has no ="), "{error}");
    }
}
