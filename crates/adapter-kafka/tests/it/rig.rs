//! Logs on topics of their own.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use bytes::Bytes;
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
};
use xchat_adapter_kafka::{Config, KafkaEventLog};
use xchat_ports::{
    EventLog,
    contract::{engine::engine, event_log::Factory, event_log::PARTITIONS},
    event_log::Append,
};
use xchat_types::{ConversationId, LogId, PartitionId};

pub(crate) const MEMBERS: [&str; 2] = ["one", "two"];

/// Settings of a topic and a group that nobody else has; `None` without a Kafka.
pub(crate) fn fresh() -> Option<Config> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let brokers = engine("kafka")?;
    #[allow(clippy::disallowed_methods, reason = "names differ between runs")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!(
        "xchat-test-{}-{}-{number}",
        now.as_millis(),
        std::process::id()
    );
    let (replication, min_in_sync) = match brokers.split(',').count() {
        0..3 => (1, 1),
        _ => (3, 2),
    };
    Some(Config {
        brokers,
        group: name.clone(),
        topic: name,
        partitions: PARTITIONS,
        replication,
        min_in_sync,
        ..Config::default()
    })
}

/// Opens as a server does that starts while a broker is away: again, for a while.
pub(crate) async fn open(config: &Config) -> KafkaEventLog {
    let patience = Instant::now() + Duration::from_mins(1);
    loop {
        match KafkaEventLog::open(config.clone()).await {
            Ok(log) => return log,
            Err(error) => assert!(Instant::now() < patience, "{error}"),
        }
    }
}

pub(crate) fn admin(config: &Config) -> AdminClient<DefaultClientContext> {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", &config.brokers);
    client.create().unwrap()
}

pub(crate) async fn delete(config: &Config) {
    let options = AdminOptions::new();
    let deleted = admin(config)
        .delete_topics(&[&config.topic], &options)
        .await;
    deleted.unwrap().pop().unwrap().unwrap();
}

pub(crate) fn record(partition: u32, text: &str) -> Append {
    Append {
        partition: PartitionId(partition),
        conversation: ConversationId::new([7; ConversationId::LEN]),
        record: Bytes::copy_from_slice(text.as_bytes()),
        trace: None,
    }
}

/// One log a clause, each a topic of its own, which is deleted in the end.
#[derive(Debug, Default)]
pub(crate) struct Logs {
    made: Mutex<BTreeMap<LogId, Config>>,
}

/// None where there is no Kafka: the suite says that it is skipped.
pub(crate) fn logs() -> Vec<Logs> {
    let logs = engine("kafka").map(|_| Logs::default());
    logs.into_iter().collect()
}

#[async_trait]
impl Factory for Logs {
    async fn create(&self) -> Arc<dyn EventLog> {
        let config = fresh().unwrap();
        let log = open(&config).await;
        self.made.lock().unwrap().insert(log.log_id(), config);
        Arc::new(log)
    }

    async fn reopen(&self, log: Arc<dyn EventLog>) -> Arc<dyn EventLog> {
        let config = self.made.lock().unwrap()[&log.log_id()].clone();
        drop(log);
        Arc::new(open(&config).await)
    }
}
