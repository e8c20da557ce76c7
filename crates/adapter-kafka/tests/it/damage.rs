//! Records that nobody of us wrote.

use std::time::Duration;

use rdkafka::{
    ClientConfig, Offset as Place, TopicPartitionList,
    admin::AdminOptions,
    producer::{FutureProducer, FutureRecord},
};
use xchat_adapter_kafka::{Config, KafkaEventLog};
use xchat_ports::{EventLog, PortError};
use xchat_types::{Offset, PartitionId};

use crate::rig::{admin, fresh, record};

const NO_WAIT: Duration = Duration::ZERO;
const LONG: Duration = Duration::from_secs(20);

async fn append(log: &dyn EventLog, partition: u32, text: &str) {
    let mut answers = log.append(vec![record(partition, text)]).await;
    answers.pop().unwrap().unwrap();
}

/// To partition 0, with a key that is too short.
async fn produce_a_foreign_record(config: &Config) {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", &config.brokers);
    let producer: FutureProducer = client.create().unwrap();
    let record = FutureRecord::to(&config.topic)
        .partition(0)
        .key("short")
        .payload("none of ours");
    producer.send(record, LONG).await.unwrap();
}

async fn delete_before(config: &Config, offset: i64) {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&config.topic, 0, Place::Offset(offset))
        .unwrap();
    let options = AdminOptions::new();
    let deleted = admin(config).delete_records(&list, &options).await.unwrap();
    deleted.elements()[0].error().unwrap();
}

/// The texts read, each with its offset.
async fn read(
    log: &dyn EventLog,
    positions: &[(u32, u64)],
    wait: Duration,
) -> Result<Vec<(u64, String)>, PortError> {
    let position = |(partition, offset): &(u32, u64)| (PartitionId(*partition), Offset(*offset));
    let positions: Vec<_> = positions.iter().map(position).collect();
    let found = log.read(&positions, 1 << 20, wait).await?;
    let text = |record: &[u8]| String::from_utf8(record.to_vec()).unwrap();
    let read = found.iter().map(|e| (e.offset.0, text(&e.record)));
    Ok(read.collect())
}

async fn is_refused(log: &dyn EventLog, offset: u64) {
    let error = read(log, &[(0, offset)], NO_WAIT).await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, PortError::Corrupt(_)), "{text}");
    assert!(text.contains("partition 0, offset 1:"), "{text}");
    assert!(text.contains("kafka-delete-records.sh"), "{text}");
    assert!(text.contains("\"offset\": 2}"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_record_is_never_passed_until_it_is_deleted_and_other_partitions_go_on() {
    let Some(config) = fresh() else { return };
    let log = KafkaEventLog::open(config.clone()).await.unwrap();
    append(&log, 0, "before").await;
    produce_a_foreign_record(&config).await;
    append(&log, 0, "after").await;

    let before = [(0, "before".to_owned())];
    assert_eq!(read(&log, &[(0, 0)], NO_WAIT).await.unwrap(), before);
    for _ in 0..3 {
        is_refused(&log, 1).await;
    }
    assert_eq!(read(&log, &[(0, 0)], NO_WAIT).await.unwrap(), before);
    let another = KafkaEventLog::open(config.clone()).await.unwrap();
    is_refused(&another, 1).await;
    let stands = log.oldest_at(PartitionId(0), Offset(1)).await.unwrap();
    assert!(stands.is_some(), "the lag guard sees how old it is");

    append(&log, 1, "elsewhere").await;
    let elsewhere = [(0, "elsewhere".to_owned())];
    let both = [(0, 1), (1, 0)];
    assert_eq!(read(&log, &both, LONG).await.unwrap(), elsewhere);
    let (waiting, ()) = tokio::join!(read(&log, &[(0, 1), (1, 1)], LONG), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        append(&log, 1, "later").await;
    });
    assert_eq!(waiting.unwrap(), [(1, "later".to_owned())]);

    delete_before(&config, 2).await;
    let mended = tokio::time::timeout(LONG, async {
        loop {
            match read(&log, &[(0, 1)], NO_WAIT).await {
                Ok(found) if found.is_empty() => {}
                Ok(found) => return found,
                Err(error) => assert!(matches!(error, PortError::Corrupt(_)), "{error}"),
            }
        }
    });
    assert_eq!(mended.await.unwrap(), [(2, "after".to_owned())]);
}
