//! The envelope log: durable, partitioned, ordered within a partition.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use xchat_types::{ConversationId, LogId, Millis, Offset, PartitionId};

use crate::{PortResult, TraceContext};

/// One record to append.
#[derive(Clone, Debug)]
pub struct Append {
    pub partition: PartitionId,
    /// Stands in the log frame (the Kafka key), so that an undecodable record has its place.
    pub conversation: ConversationId,
    pub record: Bytes,
    /// The span that appends it, if its trace is sampled. Comes back with the record.
    pub trace: Option<TraceContext>,
}

/// Where and when a record was made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    pub offset: Offset,
    pub appended_at: Millis,
}

/// One record as read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub partition: PartitionId,
    pub offset: Offset,
    pub appended_at: Millis,
    pub conversation: ConversationId,
    pub record: Bytes,
    pub trace: Option<TraceContext>,
}

/// The readable span of a partition: `start ≤ offset < end`; offsets may have gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start: Offset,
    pub end: Offset,
}

/// How the partitions that a member owns change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The member owns these too.
    Assigned(Vec<PartitionId>),
    /// The member is to finish its work on these and to say so by [`Membership::released`]. Until
    /// then, and for as long as the engine has patience, nobody else gets them.
    Revoked(Vec<PartitionId>),
    /// These are another's already: nothing more is to be done for them.
    Lost(Vec<PartitionId>),
    /// The member is out for good: another has its name, or the engine fenced it. It is told so
    /// each time it asks, after it was told what it lost; only a new [`EventLog::join`] helps.
    Out,
}

/// A reader among those that share the log's partitions.
///
/// Ownership saves double work and nothing else: a member that was taken for dead may go on for a
/// while beside the new owner, and what it does must be harmless. Dropping it ends the membership;
/// others get its partitions at once, or when the engine no longer expects it back.
#[async_trait]
pub trait Membership: Send + fmt::Debug {
    /// Waits for the next change. Cancel-safe: a dropped call loses no change. After an error,
    /// which changes nothing, it may be called again.
    async fn next(&mut self) -> PortResult<Change>;

    /// Gives revoked partitions away. Names that are not being revoked are ignored, so that an
    /// unknown outcome may be asked for again.
    async fn released(&mut self, partitions: &[PartitionId]) -> PortResult<()>;
}

/// A log of a fixed number of partitions.
#[async_trait]
pub trait EventLog: Send + Sync + fmt::Debug {
    /// Names this log's contents: under another id no stored offset means anything.
    fn log_id(&self) -> LogId;

    fn partitions(&self) -> u32;

    /// Appends each record durably (acks=all; embedded: after fsync, shared by all that wait).
    /// `Ok` is ACCEPTED. `Unavailable` means unknown: the record may be there, and a retry may
    /// double it, which the fold's counters absorb. Records of one call to one partition keep
    /// their order. Cancel-safe in the same sense: a dropped call means unknown.
    async fn append(&self, records: Vec<Append>) -> Vec<PortResult<Appended>>;

    /// Reads records at or above the positions of the partitions asked for, in order within each,
    /// at most about `max_bytes` (at least one record if there is any). Waits up to `wait` for the
    /// first one. The next position of a partition is its last entry's offset + 1.
    async fn read(
        &self,
        positions: &[(PartitionId, Offset)],
        max_bytes: usize,
        wait: Duration,
    ) -> PortResult<Vec<Entry>>;

    async fn span(&self, partition: PartitionId) -> PortResult<Span>;

    /// When the oldest record at or above `from` was appended; `None` if there is none.
    async fn oldest_at(&self, partition: PartitionId, from: Offset) -> PortResult<Option<Millis>>;

    /// Notes how far the fold has got: the next offset to read. A hint that may be lost or lag;
    /// the checkpoint in the store decides.
    async fn commit(&self, positions: &[(PartitionId, Offset)]) -> PortResult<()>;

    /// The last committed hint.
    async fn committed(&self, partition: PartitionId) -> PortResult<Option<Offset>>;

    /// Allows the log to delete what lies below the position and is older than `before`.
    async fn release(&self, below: &[(PartitionId, Offset)], before: Millis) -> PortResult<()>;

    /// Joins those that share the partitions. `member` names a reader for good: one that joins
    /// under the name of another takes its place. An empty name is a new reader each time.
    async fn join(&self, member: &str) -> PortResult<Box<dyn Membership>>;
}
