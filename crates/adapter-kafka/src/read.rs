//! Reading from positions.
//!
//! One consumer with an assignment by hand. Its assignment follows the positions asked for; what
//! it fetched is kept until a position has passed it, so that a read that was dropped, or a
//! position that stands still, costs no second fetch.
//!
//! A record that is none of this log's ends what can be read of its partition, for good: it is
//! never passed, every read that has nothing else to return fails with it, and it is fetched again
//! now and then, until the operator has deleted it. Other partitions go on.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use rdkafka::{
    ClientConfig, Message, Offset as Kept, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    message::{BorrowedMessage, Headers},
};
use xchat_ports::{PortError, PortResult, TraceContext, event_log::Entry};
use xchat_types::{ConversationId, Millis, Offset, PartitionId};

use crate::{append::number, blocking::CALL, error::port_error};

/// Between two looks whether the caller is still there.
const SLICE: Duration = Duration::from_millis(50);
/// A record that was acknowledged is on its way: also a read that does not wait, waits for it.
const SHORTEST_WAIT: Duration = Duration::from_millis(25);
/// Bytes at hand above which nothing more is taken from the consumer.
const AT_HAND_BYTES: usize = 4 << 20;
/// A damaged record is looked at again after this, in case it was deleted meanwhile.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Set when the caller of a read has gone.
pub(crate) type Gone = Arc<AtomicBool>;

pub(crate) struct Reader {
    topic: String,
    consumer: BaseConsumer,
    partitions: BTreeMap<i32, Partition>,
    at_hand: usize,
    /// Which of the partitions asked for a read begins with, so that none starves.
    turn: usize,
}

/// Everything from `from` on is at hand or still to come.
struct Partition {
    from: u64,
    at_hand: VecDeque<Entry>,
    /// The consumer has reached the end, and nothing has come since.
    at_end: bool,
    /// What comes after all that is at hand, and is never passed.
    damage: Option<Damage>,
}

/// A record that can't be one of this log's.
struct Damage {
    offset: u64,
    appended_at: Option<Millis>,
    what: &'static str,
    seen: Instant,
}

/// What a read is for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) positions: Vec<(PartitionId, Offset)>,
    pub(crate) max_bytes: usize,
    pub(crate) wait: Duration,
}

impl Reader {
    pub(crate) fn new(topic: String, settings: &ClientConfig) -> KafkaResult<Self> {
        Ok(Self {
            topic,
            consumer: settings.create()?,
            partitions: BTreeMap::new(),
            at_hand: 0,
            turn: 0,
        })
    }

    /// Blocks. Ends early, with nothing, when the caller has gone.
    pub(crate) fn read(&mut self, wanted: &Wanted, gone: &Gone) -> PortResult<Vec<Entry>> {
        let begun = Instant::now();
        let deadline = begun + wanted.wait.max(SHORTEST_WAIT);
        let patience = deadline.max(begun + CALL);
        self.follow(&wanted.positions).map_err(port_error)?;
        loop {
            self.take_what_is_there();
            let found = self.collect(wanted);
            if !found.is_empty() || gone.load(Ordering::Relaxed) {
                return Ok(found);
            }
            let now = Instant::now();
            let mut partitions = self.partitions.values();
            if partitions.len() > 0 && partitions.all(|partition| partition.damage.is_some()) {
                return self.nothing_found();
            }
            let at_end = self.partitions.values().all(Partition::is_at_end);
            if at_end && now >= deadline {
                return self.nothing_found();
            }
            if now >= patience {
                return Err(PortError::unavailable("the brokers send nothing"));
            }
            let end = if at_end { deadline } else { patience };
            self.poll(SLICE.min(end - now));
        }
    }

    /// When the first record from a position on was appended, whether it can be read or not.
    pub(crate) fn oldest(&mut self, wanted: &Wanted, gone: &Gone) -> PortResult<Option<Millis>> {
        let found = self.read(wanted, gone);
        let mut damage = self.partitions.values().filter_map(|p| p.damage.as_ref());
        match (found, damage.next()) {
            (Err(PortError::Corrupt(_)), Some(damage)) if damage.appended_at.is_some() => {
                Ok(damage.appended_at)
            }
            (found, _) => Ok(found?.first().map(|entry| entry.appended_at)),
        }
    }

    /// No record is at hand: either there is none, or the next one is damaged.
    fn nothing_found(&self) -> PortResult<Vec<Entry>> {
        let damaged = |(number, partition): (&i32, &Partition)| {
            let damage = partition.damage.as_ref()?;
            Some(self.report(*number, damage))
        };
        match self.partitions.iter().find_map(damaged) {
            Some(report) => Err(PortError::Corrupt(report)),
            None => Ok(Vec::new()),
        }
    }

    fn report(&self, partition: i32, damage: &Damage) -> String {
        let (topic, offset, what) = (&self.topic, damage.offset, damage.what);
        let remedy = if damage.appended_at.is_some() {
            format!(
                "To go on without that record: kafka-delete-records.sh --offset-json-file FILE, \
                 with {{\"version\": 1, \"partitions\": [{{\"topic\": \"{topic}\", \
                 \"partition\": {partition}, \"offset\": {}}}]}}",
                offset.saturating_add(1)
            )
        } else {
            "kafka-dump-log.sh --files SEGMENT on each broker finds the batch; a replica that has \
             it whole should lead"
                .to_owned()
        };
        format!(
            "topic {topic}, partition {partition}, offset {offset}: {what}. Nothing of this \
             partition is read from there on. {remedy}"
        )
    }

    /// Stops fetching.
    pub(crate) fn rest(&mut self) -> KafkaResult<()> {
        self.follow(&[])
    }

    /// Makes the assignment that of the positions. Going forward costs nothing.
    fn follow(&mut self, positions: &[(PartitionId, Offset)]) -> KafkaResult<()> {
        let mut asked = BTreeMap::new();
        for (partition, offset) in positions {
            if let Ok(partition) = number(*partition) {
                asked.insert(partition, offset.0);
            }
        }
        let mut leaving = TopicPartitionList::new();
        let mut coming = TopicPartitionList::new();
        for (number, partition) in &self.partitions {
            let stays = asked
                .get(number)
                .is_some_and(|from| *from >= partition.from && !partition.is_due_again(*from));
            if !stays {
                leaving.add_partition(&self.topic, *number);
            }
        }
        if leaving.count() > 0 {
            self.consumer.incremental_unassign(&leaving)?;
            for element in leaving.elements() {
                self.partitions.remove(&element.partition());
            }
        }
        for (&number, &from) in &asked {
            if let Some(partition) = self.partitions.get_mut(&number) {
                partition.pass(from);
                continue;
            }
            let offset = Kept::Offset(i64::try_from(from).unwrap_or(i64::MAX));
            coming.add_partition_offset(&self.topic, number, offset)?;
        }
        if coming.count() > 0 {
            self.consumer.incremental_assign(&coming)?;
            for element in coming.elements() {
                let number = element.partition();
                let from = asked.get(&number).copied().unwrap_or_default();
                self.partitions.insert(number, Partition::new(from));
            }
        }
        let bytes = |partition: &Partition| partition.at_hand.iter().map(size).sum::<usize>();
        self.at_hand = self.partitions.values().map(bytes).sum();
        Ok(())
    }

    fn take_what_is_there(&mut self) {
        while self.at_hand < AT_HAND_BYTES && self.poll(Duration::ZERO) {}
    }

    /// Whether something came.
    fn poll(&mut self, wait: Duration) -> bool {
        let Some(answer) = self.consumer.poll(wait) else {
            return false;
        };
        match answer {
            Ok(message) => {
                let number = message.partition();
                if let Some(partition) = self.partitions.get_mut(&number) {
                    self.at_hand = self.at_hand.saturating_add(partition.take(&message));
                }
            }
            Err(KafkaError::PartitionEOF(number)) => {
                if let Some(partition) = self.partitions.get_mut(&number) {
                    partition.at_end = true;
                }
            }
            Err(KafkaError::MessageConsumption(RDKafkaErrorCode::BadMessage)) => self.distrust(),
            // librdkafka connects again by itself; what stays away is seen by the deadline.
            Err(error) => tracing::debug!(%error, "the reader of the event log waits"),
        }
        true
    }

    /// librdkafka has met a batch whose checksum is wrong, does not say where, and may go on behind
    /// it: no partition is read beyond what is at hand.
    fn distrust(&mut self) {
        tracing::error!("the event log holds a batch whose checksum is wrong");
        for partition in self.partitions.values_mut() {
            let next = partition.at_hand.back().map(|entry| entry.offset.0 + 1);
            partition.stop_at(Damage {
                offset: next.unwrap_or(partition.from),
                appended_at: None,
                what: "a batch from here on, or in another partition, has a wrong checksum",
                seen: Instant::now(),
            });
        }
    }

    fn collect(&mut self, wanted: &Wanted) -> Vec<Entry> {
        let count = wanted.positions.len();
        self.turn = self.turn.wrapping_add(1);
        let first = self.turn.checked_rem(count).unwrap_or(0);
        let mut found: Vec<Entry> = Vec::new();
        let mut bytes = 0_usize;
        for (id, _) in wanted.positions.iter().cycle().skip(first).take(count) {
            let partition = number(*id).ok().and_then(|id| self.partitions.get(&id));
            for entry in partition
                .into_iter()
                .flat_map(|partition| &partition.at_hand)
            {
                let more = bytes.saturating_add(entry.record.len());
                if !found.is_empty() && more > wanted.max_bytes {
                    return found;
                }
                bytes = more;
                found.push(entry.clone());
            }
        }
        found
    }
}

impl Partition {
    const fn new(from: u64) -> Self {
        Self {
            from,
            at_hand: VecDeque::new(),
            at_end: false,
            damage: None,
        }
    }

    const fn is_at_end(&self) -> bool {
        self.at_end || self.damage.is_some()
    }

    /// A damaged record is fetched again after a while, and at once where a position passed it.
    fn is_due_again(&self, from: u64) -> bool {
        self.damage
            .as_ref()
            .is_some_and(|damage| damage.offset < from || damage.seen.elapsed() >= LOOK_AGAIN)
    }

    /// Returns by how many bytes more is at hand. Behind a damaged record nothing is taken.
    fn take(&mut self, message: &BorrowedMessage<'_>) -> usize {
        self.at_end = false;
        let offset = message.offset().unsigned_abs();
        if offset < self.from || self.damage.is_some() {
            return 0;
        }
        match entry(message) {
            Ok(entry) => {
                let size = size(&entry);
                self.at_hand.push_back(entry);
                size
            }
            Err(what) => {
                let partition = message.partition();
                tracing::error!(partition, offset, what, "the event log stops at a record");
                self.stop_at(Damage {
                    offset,
                    appended_at: appended_at(message),
                    what,
                    seen: Instant::now(),
                });
                0
            }
        }
    }

    fn stop_at(&mut self, damage: Damage) {
        self.damage.get_or_insert(damage);
    }

    fn pass(&mut self, from: u64) {
        self.from = from;
        while self
            .at_hand
            .front()
            .is_some_and(|entry| entry.offset.0 < from)
        {
            self.at_hand.pop_front();
        }
    }
}

fn size(entry: &Entry) -> usize {
    entry.record.len().saturating_add(size_of::<Entry>())
}

fn appended_at(message: &BorrowedMessage<'_>) -> Option<Millis> {
    let at = message.timestamp().to_millis()?;
    u64::try_from(at).ok().map(Millis)
}

fn entry(message: &BorrowedMessage<'_>) -> Result<Entry, &'static str> {
    let key: Option<[u8; ConversationId::LEN]> = message.key().and_then(|key| key.try_into().ok());
    Ok(Entry {
        partition: PartitionId(message.partition().unsigned_abs()),
        offset: Offset(message.offset().unsigned_abs()),
        appended_at: appended_at(message).ok_or("it has no time")?,
        conversation: ConversationId::new(key.ok_or("its key is no conversation id")?),
        record: Bytes::copy_from_slice(message.payload().unwrap_or_default()),
        trace: trace(message),
    })
}

/// A header that says nothing that we understand is none.
fn trace(message: &BorrowedMessage<'_>) -> Option<TraceContext> {
    let headers = message.headers()?;
    let header = headers.iter().find(|h| h.key == TraceContext::HEADER)?;
    TraceContext::from_traceparent(std::str::from_utf8(header.value?).ok()?)
}
