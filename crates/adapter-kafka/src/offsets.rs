//! Committed offsets, spans and deletion.

use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};

use rdkafka::{
    Offset as Kept, TopicPartitionList,
    admin::AdminClient,
    client::DefaultClientContext,
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::{KafkaError, KafkaResult},
};
use xchat_ports::{PortError, PortResult, event_log::Span};
use xchat_types::{Millis, Offset, PartitionId};

use crate::{
    append::number,
    blocking::{CALL, LONGEST_CALL, ask_twice, blocking},
    error::port_error,
    membership::Member,
    topic::options,
};

/// Deletion need not follow closer than this.
const RELEASE_INTERVAL_MS: u64 = 60_000;

pub(crate) struct Offsets {
    topic: String,
    /// Of the group, but never a member of it.
    consumer: Arc<BaseConsumer>,
    admin: AdminClient<DefaultClientContext>,
    /// Brokers take offsets of a group that has members from its members only.
    member: Mutex<Weak<Member>>,
    /// Up to which time each partition was released.
    released: Mutex<std::collections::BTreeMap<PartitionId, Millis>>,
}

impl Offsets {
    pub(crate) fn new(
        topic: String,
        consumer: BaseConsumer,
        admin: AdminClient<DefaultClientContext>,
    ) -> Self {
        Self {
            topic,
            consumer: Arc::new(consumer),
            admin,
            member: Mutex::default(),
            released: Mutex::default(),
        }
    }

    pub(crate) fn commit_through(&self, member: &Arc<Member>) {
        *self.member.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(member);
    }

    fn member(&self) -> Option<Arc<Member>> {
        let member = self.member.lock().unwrap_or_else(PoisonError::into_inner);
        member.upgrade()
    }

    pub(crate) async fn span(&self, partition: PartitionId) -> PortResult<Span> {
        let id = number(partition)?;
        let ask = move |consumer: &BaseConsumer, topic: &str, limit: Duration| {
            consumer.fetch_watermarks(topic, id, limit)
        };
        let (start, end) = self.of_leaders(ask).await?;
        Ok(Span {
            start: Offset(start.unsigned_abs()),
            end: Offset(end.unsigned_abs()),
        })
    }

    /// Asks the partitions' leaders; once more after a look at who they are now. By itself
    /// librdkafka (2.12) keeps asking for a leader that is no broker any more, until what it knows
    /// of the topic is a quarter of an hour old.
    async fn of_leaders<T: Send + 'static>(
        &self,
        ask: impl Fn(&BaseConsumer, &str, Duration) -> KafkaResult<T> + Send + 'static,
    ) -> PortResult<T> {
        let (consumer, topic) = (Arc::clone(&self.consumer), self.topic.clone());
        blocking(move || {
            let look = |limit| consumer.fetch_metadata(Some(&topic), limit).map(drop);
            ask_twice(|limit| ask(&consumer, &topic, limit), look, Instant::now)
        })
        .await
    }

    pub(crate) async fn commit(&self, positions: &[(PartitionId, Offset)]) -> PortResult<()> {
        if positions.is_empty() {
            return Ok(());
        }
        let list = self.list(positions.iter().map(|(id, next)| (*id, next.0)))?;
        let member = self.member();
        let consumer = Arc::clone(&self.consumer);
        blocking(move || match member {
            Some(member) => member.commit(&list),
            None => consumer.commit(&list, CommitMode::Sync),
        })
        .await
    }

    pub(crate) async fn committed(&self, partition: PartitionId) -> PortResult<Option<Offset>> {
        let mut list = TopicPartitionList::new();
        list.add_partition(&self.topic, number(partition)?);
        let consumer = Arc::clone(&self.consumer);
        let found = blocking(move || consumer.committed_offsets(list, CALL)).await?;
        let elements = found.elements();
        let Some(element) = elements.first() else {
            return Ok(None);
        };
        element.error().map_err(port_error)?;
        match element.offset() {
            Kept::Offset(offset) => Ok(u64::try_from(offset).ok().map(Offset)),
            Kept::Invalid | Kept::Stored | Kept::Beginning | Kept::End | Kept::OffsetTail(_) => {
                Ok(None)
            }
        }
    }

    /// Deletes up to the first record that must stay.
    pub(crate) async fn release(
        &self,
        below: &[(PartitionId, Offset)],
        before: Millis,
    ) -> PortResult<()> {
        let due: Vec<_> = below
            .iter()
            .copied()
            .filter(|(id, _)| self.is_due(*id, before))
            .collect();
        if due.is_empty() {
            return Ok(());
        }
        let times = self.list(due.iter().map(|(id, _)| (*id, before.0)))?;
        let ask = move |consumer: &BaseConsumer, _: &str, limit: Duration| {
            consumer.offsets_for_times(times.clone(), limit)
        };
        let young = self.of_leaders(ask).await?;
        let mut list = TopicPartitionList::new();
        for (id, below) in &due {
            let end = match self.first_young(&young, *id)? {
                Some(young) => young,
                None => self.span(*id).await?.end,
            };
            let offset = i64::try_from(end.min(*below).0).map_err(PortError::unavailable)?;
            if offset > 0 {
                list.add_partition_offset(&self.topic, number(*id)?, Kept::Offset(offset))
                    .map_err(port_error)?;
            }
        }
        if list.count() > 0 {
            let opts = options();
            let deleting = self.admin.delete_records(&list, &opts);
            let done = tokio::time::timeout(LONGEST_CALL, deleting).await;
            let done = done.map_err(PortError::unavailable)?.map_err(port_error)?;
            for element in done.elements() {
                element.error().map_err(port_error)?;
            }
        }
        let mut released = self.released.lock().unwrap_or_else(PoisonError::into_inner);
        released.extend(due.iter().map(|(id, _)| (*id, before)));
        Ok(())
    }

    fn is_due(&self, id: PartitionId, before: Millis) -> bool {
        let released = self.released.lock().unwrap_or_else(PoisonError::into_inner);
        released
            .get(&id)
            .is_none_or(|last| before.0 >= last.0.saturating_add(RELEASE_INTERVAL_MS))
    }

    /// The first record that is not old enough; `None` if all are.
    fn first_young(
        &self,
        found: &TopicPartitionList,
        id: PartitionId,
    ) -> PortResult<Option<Offset>> {
        let missing = || PortError::unavailable("an offset by time without an answer");
        let element = found
            .find_partition(&self.topic, number(id)?)
            .ok_or_else(missing)?;
        element.error().map_err(port_error)?;
        match element.offset() {
            Kept::Offset(offset) => Ok(u64::try_from(offset).ok().map(Offset)),
            Kept::End => Ok(None),
            Kept::Invalid | Kept::Stored | Kept::Beginning | Kept::OffsetTail(_) => Err(missing()),
        }
    }

    fn list(
        &self,
        mut numbers: impl Iterator<Item = (PartitionId, u64)>,
    ) -> PortResult<TopicPartitionList> {
        let mut list = TopicPartitionList::new();
        let add = |(id, value): (PartitionId, u64)| -> Result<(), PortError> {
            let value = i64::try_from(value).map_err(PortError::unavailable)?;
            let added: KafkaResult<()> =
                list.add_partition_offset(&self.topic, number(id)?, Kept::Offset(value));
            added.map_err(|error: KafkaError| port_error(error))
        };
        numbers.try_for_each(add)?;
        Ok(list)
    }
}
