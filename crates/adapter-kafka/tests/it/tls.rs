//! Mutual TLS, by settings of librdkafka in [`Config::properties`]. Needs the brokers' addresses
//! in `XCHAT_TEST_KAFKA_TLS`, and in `XCHAT_TEST_KAFKA_TLS_FOLDER` a `certificate.pem` that signed
//! itself, with its `key.pem`.

use std::time::Duration;

use xchat_adapter_kafka::{Config, KafkaEventLog};
use xchat_ports::{EventLog as _, contract::engine::engine};
use xchat_types::{Offset, PartitionId};

use crate::rig::{fresh, record};

fn settings() -> Option<Config> {
    let mut config = fresh()?;
    // The first record of a topic waits for its leaders.
    config.delivery_ms = 20_000;
    config.brokers = engine("kafka_tls")?;
    let folder = engine("kafka_tls_folder")?;
    let file = |name: &str| format!("{folder}/{name}");
    config.properties.extend([
        ("security.protocol".to_owned(), "ssl".to_owned()),
        ("ssl.ca.location".to_owned(), file("certificate.pem")),
        (
            "ssl.certificate.location".to_owned(),
            file("certificate.pem"),
        ),
        ("ssl.key.location".to_owned(), file("key.pem")),
    ]);
    Some(config)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_go_over_mutual_tls_and_without_a_certificate_nothing_does() {
    let Some(config) = settings() else { return };
    let log = KafkaEventLog::open(config.clone()).await.unwrap();
    let mut answers = log.append(vec![record(0, "sealed")]).await;
    answers.pop().unwrap().unwrap();
    let from = [(PartitionId(0), Offset(0))];
    let read = log.read(&from, 1_000, Duration::from_secs(20)).await;
    assert_eq!(&*read.unwrap()[0].record, b"sealed");

    for setting in ["ssl.certificate.location", "ssl.ca.location"] {
        let mut less = config.clone();
        less.properties.remove(setting);
        if setting == "ssl.certificate.location" {
            less.properties.remove("ssl.key.location");
        }
        let refused = KafkaEventLog::open(less).await;
        assert!(refused.is_err(), "without {setting}");
    }
}
