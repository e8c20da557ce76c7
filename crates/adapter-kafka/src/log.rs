//! The port.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use rdkafka::{admin::AdminClient, client::DefaultClientContext};
use tokio::sync::Mutex;
use xchat_ports::{
    EventLog, PortError, PortResult,
    event_log::{Append, Appended, Entry, Membership, Span},
};
use xchat_types::{LogId, Millis, Offset, PartitionId};

use crate::{
    Config, OpenError,
    append::Appender,
    blocking::{CALL, LONGEST_CALL, blocking},
    client,
    membership::KafkaMembership,
    offsets::Offsets,
    read::{Gone, Reader, Wanted},
    topic,
    topic_id::topic_id,
};

/// The event log on Kafka.
pub struct KafkaEventLog {
    config: Config,
    id: LogId,
    appender: Appender,
    offsets: Offsets,
    reader: Arc<Mutex<Reader>>,
    /// Looks at single records, and fetches nothing between two looks.
    glance: Arc<Mutex<Reader>>,
}

impl KafkaEventLog {
    /// Makes the topic if it is not there, and refuses one that is not as it must be.
    pub async fn open(config: Config) -> Result<Self, OpenError> {
        let admin: AdminClient<DefaultClientContext> = client::admin(&config).create()?;
        topic::prepare(&admin, &config).await?;
        let group = &config.group;
        let consumer = client::consumer(&config, group).create()?;
        let topic = config.topic.clone();
        let reading = client::consumer(&config, &format!("{group}.read"));
        let mut glancing = client::consumer(&config, &format!("{group}.read"));
        glancing.set("queued.max.messages.kbytes", "64");
        let offsets = Offsets::new(topic.clone(), consumer, admin);
        let id = log_id(&config).await?;
        Ok(Self {
            id,
            appender: Appender::new(topic.clone(), client::producer(&config))?,
            offsets,
            reader: Arc::new(Mutex::new(Reader::new(topic.clone(), &reading)?)),
            glance: Arc::new(Mutex::new(Reader::new(topic, &glancing)?)),
            config,
        })
    }

    /// Waits, within a deadline, for what was given to the producer.
    pub async fn close(&self) -> PortResult<()> {
        self.appender.flush().await
    }
}

/// The topic's own id: one that is made again under the same name has another.
async fn log_id(config: &Config) -> Result<LogId, OpenError> {
    let admin: AdminClient<DefaultClientContext> = client::admin(config).create()?;
    let topic = config.topic.clone();
    let timeout = i32::try_from(CALL.as_millis()).unwrap_or(i32::MAX);
    let id = blocking(move || Ok(topic_id(admin.inner().native_ptr(), &topic, timeout))).await?;
    id.map(LogId::new).ok_or_else(|| OpenError::Topic {
        topic: config.topic.clone(),
        what: "the brokers do not name its id (Kafka 3.1 or later does)".to_owned(),
    })
}

/// Works on a blocking thread, which is told when the caller has gone.
async fn with<T: Send + 'static>(
    reader: &Arc<Mutex<Reader>>,
    wait: Duration,
    work: impl FnOnce(&mut Reader, &Gone) -> PortResult<T> + Send + 'static,
) -> PortResult<T> {
    struct Going(Gone);
    impl Drop for Going {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let going = Going(Arc::new(AtomicBool::new(false)));
    let gone = Arc::clone(&going.0);
    let working = async {
        let mut reader = Arc::clone(reader).lock_owned().await;
        let working = tokio::task::spawn_blocking(move || work(&mut reader, &gone));
        working.await.map_err(PortError::unavailable)?
    };
    tokio::time::timeout(wait + LONGEST_CALL, working)
        .await
        .map_err(PortError::unavailable)?
}

#[async_trait]
impl EventLog for KafkaEventLog {
    fn log_id(&self) -> LogId {
        self.id
    }

    fn partitions(&self) -> u32 {
        self.config.partitions
    }

    async fn append(&self, records: Vec<Append>) -> Vec<PortResult<Appended>> {
        self.appender.append(records).await
    }

    async fn read(
        &self,
        positions: &[(PartitionId, Offset)],
        max_bytes: usize,
        wait: Duration,
    ) -> PortResult<Vec<Entry>> {
        let wanted = Wanted {
            positions: positions.to_vec(),
            max_bytes,
            wait,
        };
        with(&self.reader, wait, move |reader, gone| {
            reader.read(&wanted, gone)
        })
        .await
    }

    async fn span(&self, partition: PartitionId) -> PortResult<Span> {
        self.offsets.span(partition).await
    }

    async fn oldest_at(&self, partition: PartitionId, from: Offset) -> PortResult<Option<Millis>> {
        let span = self.offsets.span(partition).await?;
        if from >= span.end || span.start == span.end {
            return Ok(None);
        }
        let wanted = Wanted {
            positions: vec![(partition, from.max(span.start))],
            max_bytes: 1,
            wait: CALL,
        };
        with(&self.glance, CALL, move |reader, gone| {
            let found = reader.oldest(&wanted, gone);
            if let Err(error) = reader.rest() {
                tracing::debug!(%error, "a reader goes on fetching");
            }
            found
        })
        .await
    }

    async fn commit(&self, positions: &[(PartitionId, Offset)]) -> PortResult<()> {
        self.offsets.commit(positions).await
    }

    async fn committed(&self, partition: PartitionId) -> PortResult<Option<Offset>> {
        self.offsets.committed(partition).await
    }

    async fn release(&self, below: &[(PartitionId, Offset)], before: Millis) -> PortResult<()> {
        self.offsets.release(below, before).await
    }

    async fn join(&self, member: &str) -> PortResult<Box<dyn Membership>> {
        let settings = client::member(&self.config, member);
        let (membership, member) = KafkaMembership::join(&settings, &self.config.topic)?;
        self.offsets.commit_through(&member);
        Ok(Box::new(membership))
    }
}

impl fmt::Debug for KafkaEventLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaEventLog")
            .field("id", &self.id)
            .field("topic", &self.config.topic)
            .finish_non_exhaustive()
    }
}
