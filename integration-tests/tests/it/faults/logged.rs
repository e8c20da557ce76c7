//! I1: the log holds a record for each ACCEPTED.

use std::{collections::HashMap, time::Duration};

use xchat_adapter_kafka::{Config, KafkaEventLog};
use xchat_integration_tests::{House, history::History};
use xchat_ports::EventLog as _;
use xchat_proto::{Message as _, events::LogRecord};
use xchat_types::{ConversationId, DeviceId, Offset, PartitionId};

const READ: usize = 4 * 1_024 * 1_024;
const WAIT: Duration = Duration::from_secs(1);

type Counts = HashMap<(ConversationId, DeviceId, u64), u64>;

pub(super) async fn check(
    house: &House,
    history: &History,
    all: &[ConversationId],
    devices: &[DeviceId],
) {
    let counts = read(house).await;
    for (diary, device) in history.diaries.iter().zip(devices) {
        for submit in &diary.submits {
            let conversation = all[submit.conversation];
            let logged = counts.get(&(conversation, *device, submit.counter));
            let logged = logged.copied().unwrap_or_default();
            assert!(
                logged >= submit.accepted,
                "{submit:?} is {logged} times in the log"
            );
        }
    }
}

async fn read(house: &House) -> Counts {
    let partitions = house.setting("backends__event_log__partitions");
    let partitions = partitions.parse().expect("a number");
    let topic = house.setting("backends__kafka__topic").to_owned();
    let copies = |key| house.setting(key).parse().expect("a number");
    let log = KafkaEventLog::open(Config {
        brokers: house.setting("backends__kafka__brokers").to_owned(),
        group: topic.clone(),
        topic,
        partitions,
        replication: copies("backends__kafka__replication"),
        min_in_sync: copies("backends__kafka__min_in_sync"),
        ..Config::default()
    });
    let log = log.await.expect("the log");
    let mut counts = Counts::new();
    for partition in (0..partitions).map(PartitionId) {
        let span = log.span(partition).await.expect("a span");
        let mut next = span.start;
        while next < span.end {
            let read = log.read(&[(partition, next)], READ, WAIT).await;
            for entry in read.expect("records") {
                next = Offset(entry.offset.0 + 1);
                let record = LogRecord::decode(entry.record).expect("a record");
                let header = record.header.expect("a header");
                let sender =
                    DeviceId::try_from(header.sender_device_id.as_ref()).expect("a device");
                *counts
                    .entry((entry.conversation, sender, header.counter))
                    .or_default() += 1;
            }
        }
    }
    counts
}
