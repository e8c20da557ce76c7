//! Making records durable.

use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::{
    ClientConfig,
    error::{KafkaError, KafkaResult},
    message::{Header, OwnedHeaders},
    producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer, future_producer::Delivery},
    util::Timeout,
};
use xchat_ports::{
    PortError, PortResult, TraceContext,
    event_log::{Append, Appended},
};
use xchat_types::{Millis, Offset, PartitionId};

use crate::{
    blocking::{LONGEST_CALL, blocking},
    error::port_error,
};

pub(crate) struct Appender {
    topic: String,
    settings: ClientConfig,
    producer: Mutex<Arc<FutureProducer>>,
}

impl Appender {
    pub(crate) fn new(topic: String, settings: ClientConfig) -> KafkaResult<Self> {
        let producer = Mutex::new(Arc::new(settings.create()?));
        Ok(Self {
            topic,
            settings,
            producer,
        })
    }

    /// Gives all records to the producer in their order, then waits for each.
    pub(crate) async fn append(&self, records: Vec<Append>) -> Vec<PortResult<Appended>> {
        let count = records.len();
        let waiting: Vec<_> = match self.producer() {
            Ok(producer) => records
                .iter()
                .map(|record| self.send(&producer, record))
                .collect(),
            Err(error) => {
                let refused = |_| Err(PortError::unavailable(error.clone()));
                return (0..count).map(refused).collect();
            }
        };
        let mut answers = Vec::with_capacity(count);
        for delivery in waiting {
            answers.push(match delivery {
                Ok(delivery) => outcome(delivery).await,
                Err(error) => Err(error),
            });
        }
        answers
    }

    /// Waits for what is under way.
    pub(crate) async fn flush(&self) -> PortResult<()> {
        let producer = Arc::clone(&self.producer.lock().unwrap_or_else(PoisonError::into_inner));
        blocking(move || producer.flush(Timeout::After(LONGEST_CALL))).await
    }

    /// A producer that has met a fatal error takes nothing any more: another one begins.
    fn producer(&self) -> KafkaResult<Arc<FutureProducer>> {
        let mut producer = self.producer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((code, reason)) = producer.client().fatal_error() {
            tracing::error!(%code, reason, "the producer of the event log begins again");
            *producer = Arc::new(self.settings.create()?);
        }
        Ok(Arc::clone(&producer))
    }

    fn send(&self, producer: &FutureProducer, append: &Append) -> PortResult<DeliveryFuture> {
        let mut record = FutureRecord::to(&self.topic)
            .partition(number(append.partition)?)
            .key(append.conversation.as_bytes().as_slice())
            .payload(append.record.as_ref());
        if let Some(trace) = append.trace {
            record = record.headers(OwnedHeaders::new().insert(Header {
                key: TraceContext::HEADER,
                value: Some(&trace.to_string()),
            }));
        }
        producer
            .send_result(record)
            .map_err(|(error, _)| port_error(error))
    }
}

/// Kafka numbers partitions with signed numbers.
pub(crate) fn number(partition: PartitionId) -> PortResult<i32> {
    i32::try_from(partition.0).map_err(PortError::unavailable)
}

async fn outcome(delivery: DeliveryFuture) -> PortResult<Appended> {
    let delivered = delivery
        .await
        .map_err(|_| PortError::unavailable(KafkaError::Canceled))?;
    let Delivery {
        offset, timestamp, ..
    } = delivered.map_err(|(error, _)| port_error(error))?;
    let at = timestamp.to_millis().and_then(|at| u64::try_from(at).ok());
    match (u64::try_from(offset), at) {
        (Ok(offset), Some(at)) => Ok(Appended {
            offset: Offset(offset),
            appended_at: Millis(at),
        }),
        _ => Err(PortError::unavailable("a delivery report without a place")),
    }
}
