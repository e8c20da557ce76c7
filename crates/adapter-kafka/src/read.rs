//! Reading from positions.
//!
//! One consumer with an assignment by hand. Its assignment follows the positions asked for; what
//! it fetched is kept until a position has passed it, so that a read that was dropped, or a
//! position that stands still, costs no second fetch.

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
    error::{KafkaError, KafkaResult},
    message::BorrowedMessage,
};
use xchat_ports::{PortError, PortResult, event_log::Entry};
use xchat_types::{ConversationId, Millis, Offset, PartitionId};

use crate::{append::number, blocking::CALL, error::port_error};

/// Between two looks whether the caller is still there.
const SLICE: Duration = Duration::from_millis(50);
/// A record that was acknowledged is on its way: also a read that does not wait, waits for it.
const SHORTEST_WAIT: Duration = Duration::from_millis(25);
/// Bytes at hand above which nothing more is taken from the consumer.
const AT_HAND_BYTES: usize = 4 << 20;

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
            self.take_what_is_there()?;
            let found = self.collect(wanted);
            if !found.is_empty() || gone.load(Ordering::Relaxed) {
                return Ok(found);
            }
            let now = Instant::now();
            let at_end = self.partitions.values().all(|partition| partition.at_end);
            if at_end && now >= deadline {
                return Ok(Vec::new());
            }
            if now >= patience {
                return Err(PortError::unavailable("the brokers send nothing"));
            }
            let end = if at_end { deadline } else { patience };
            self.poll(SLICE.min(end - now))?;
        }
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
                .is_some_and(|from| *from >= partition.from);
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

    fn take_what_is_there(&mut self) -> PortResult<()> {
        while self.at_hand < AT_HAND_BYTES && self.poll(Duration::ZERO)? {}
        Ok(())
    }

    /// Whether something came.
    fn poll(&mut self, wait: Duration) -> PortResult<bool> {
        let Some(answer) = self.consumer.poll(wait) else {
            return Ok(false);
        };
        match answer {
            Ok(message) => {
                let entry = entry(&message)?;
                if let Some(partition) = self.partitions.get_mut(&message.partition()) {
                    partition.at_end = false;
                    if entry.offset.0 >= partition.from {
                        self.at_hand = self.at_hand.saturating_add(size(&entry));
                        partition.at_hand.push_back(entry);
                    }
                }
            }
            Err(KafkaError::PartitionEOF(number)) => {
                if let Some(partition) = self.partitions.get_mut(&number) {
                    partition.at_end = true;
                }
            }
            // librdkafka connects again by itself; what stays away is seen by the deadline.
            Err(error) => tracing::debug!(%error, "the reader of the event log waits"),
        }
        Ok(true)
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
        }
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

fn entry(message: &BorrowedMessage<'_>) -> PortResult<Entry> {
    let damaged = |what| {
        let (partition, offset) = (message.partition(), message.offset());
        PortError::Corrupt(format!("partition {partition}, offset {offset}: {what}"))
    };
    let key: Option<[u8; ConversationId::LEN]> = message.key().and_then(|key| key.try_into().ok());
    let key = key.ok_or_else(|| damaged("the key is no conversation id"))?;
    let at = message.timestamp().to_millis();
    let at = at.and_then(|at| u64::try_from(at).ok());
    Ok(Entry {
        partition: PartitionId(message.partition().unsigned_abs()),
        offset: Offset(message.offset().unsigned_abs()),
        appended_at: Millis(at.ok_or_else(|| damaged("it has no time"))?),
        conversation: ConversationId::new(key),
        record: Bytes::copy_from_slice(message.payload().unwrap_or_default()),
    })
}
