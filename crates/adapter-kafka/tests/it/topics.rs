use rdkafka::admin::{AdminOptions, AlterConfig, ResourceSpecifier};
use xchat_adapter_kafka::{Config, KafkaEventLog, OpenError};
use xchat_ports::EventLog as _;

use crate::rig::{admin, delete, fresh};

#[tokio::test]
async fn a_topic_that_is_made_again_is_another_log() {
    let Some(config) = fresh() else { return };
    let first = KafkaEventLog::open(config.clone()).await.unwrap().log_id();
    let same = KafkaEventLog::open(config.clone()).await.unwrap().log_id();
    assert_eq!(first, same);
    delete(&config).await;
    let again = KafkaEventLog::open(config).await.unwrap().log_id();
    assert_ne!(first, again);
}

#[tokio::test]
async fn wrong_settings_are_refused_with_the_commands_that_mend_them() {
    let Some(config) = fresh() else { return };
    drop(KafkaEventLog::open(config.clone()).await.unwrap());
    let specifier = ResourceSpecifier::Topic(&config.topic);
    let change = AlterConfig::new(specifier)
        .set("retention.ms", "60000")
        .set("message.timestamp.type", "CreateTime");
    let answers = admin(&config)
        .alter_configs([&change], &AdminOptions::new())
        .await;
    answers.unwrap().pop().unwrap().unwrap();
    let more = Config {
        partitions: config.partitions + 1,
        replication: config.replication + 1,
        ..config.clone()
    };
    let error = KafkaEventLog::open(more).await.unwrap_err();
    let text = error.to_string();
    let OpenError::Settings { wrong, .. } = error else {
        panic!("{text}");
    };
    let names: Vec<_> = wrong.iter().map(|wrong| wrong.name.as_str()).collect();
    for name in [
        "partitions",
        "replication factor",
        "retention.ms",
        "message.timestamp.type",
    ] {
        assert!(names.contains(&name), "{name} in {text}");
    }
    let command = format!(
        "kafka-configs.sh --bootstrap-server {} --alter --entity-type topics --entity-name {} \
         --add-config retention.ms=2592000000",
        config.brokers, config.topic
    );
    assert!(text.contains(&command), "{text}");
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_an_error_in_time() {
    let config = Config {
        brokers: "127.0.0.1:1".to_owned(),
        ..Config::default()
    };
    let opened = std::time::Instant::now();
    assert!(KafkaEventLog::open(config).await.is_err());
    assert!(opened.elapsed() < std::time::Duration::from_secs(15));
}
