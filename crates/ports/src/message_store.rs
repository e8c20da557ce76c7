//! The store of folded conversations: opaque blobs in tables that every engine can hold.
//!
//! Two classes of writes (architecture, "write once, then one mutation"): rows under a key that
//! holds the sequence, the epoch or the reference, written once and invisible until the head names
//! them; and one mutation of the conversation's own partition, applied as one batch under one
//! stamp. An engine with write timestamps uses the stamp as such; one without changes nothing when
//! the stamp is at or below the stored head's. Both end in the same state.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use xchat_types::{
    ConversationId, DeviceId, Epoch, Incarnation, Millis, Offset, PartitionId, Sequence, Stamp,
    WelcomeRef,
};

use crate::PortResult;

/// Key of a row in a conversation's own partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowKey {
    /// Highest sequence with its chain hash, the last mutation and the checkpoint.
    Head,
    /// Last counter and outcomes of a device.
    Sender(DeviceId),
    /// Joined and left sequences of a device.
    Member(DeviceId),
    /// What a record of the log became; kept a day.
    Recent(PartitionId, Offset),
}

/// One changed row: a value, or its deletion. `expires_at` is when an engine may clean the row
/// up; it is never what decides expiry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowChange {
    pub key: RowKey,
    pub value: Option<Bytes>,
    pub expires_at: Option<Millis>,
}

/// One batch on one conversation's partition. It always changes [`RowKey::Head`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutation {
    pub conversation: ConversationId,
    pub stamp: Stamp,
    pub changes: Vec<RowChange>,
}

/// Rows read together with the head, which says whether another worker has been here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    pub head: Option<(Stamp, Bytes)>,
    pub rows: Vec<(RowKey, Bytes)>,
}

/// Which table of payloads an envelope row belongs to: one TTL class each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PayloadClass {
    /// Buckets of 10 seconds.
    Hour,
    /// Buckets of 5 minutes.
    Day,
    /// Everything else: stands with the header.
    Month,
}

/// One written-once row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnceRow {
    /// Header, digest and times of a record; outlives its payload.
    Envelope {
        conversation: ConversationId,
        sequence: Sequence,
        value: Bytes,
        expires_at: Millis,
    },
    /// The payload of the record at the same key.
    Payload {
        conversation: ConversationId,
        sequence: Sequence,
        class: PayloadClass,
        value: Bytes,
        expires_at: Millis,
    },
    /// A snapshot, or the handshake that led to the epoch.
    GroupState {
        conversation: ConversationId,
        incarnation: Incarnation,
        epoch: Epoch,
        value: Bytes,
    },
    Welcome {
        device: DeviceId,
        reference: WelcomeRef,
        value: Bytes,
        expires_at: Millis,
    },
}

/// An envelope row with its payload, if that is still there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEnvelope {
    pub sequence: Sequence,
    pub value: Bytes,
    pub payload: Option<Bytes>,
}

/// A device's note that a conversation moved, written with the sequence as its timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub device: DeviceId,
    pub conversation: ConversationId,
    pub sequence: Sequence,
}

/// Tables of architecture, section 6. All writes are idempotent.
#[async_trait]
pub trait MessageStore: Send + Sync + fmt::Debug {
    /// Reads the head and the rows asked for, from one consistent quorum or snapshot.
    async fn read_rows(&self, conversation: ConversationId, keys: &[RowKey]) -> PortResult<Rows>;

    /// Reads the head and all member rows, in device order.
    async fn read_members(&self, conversation: ConversationId) -> PortResult<Rows>;

    /// Applies one batch under its stamp. At or below the stored head's stamp it changes nothing
    /// that is newer and is no error: the same end state as write timestamps give.
    async fn mutate(&self, mutation: &Mutation) -> PortResult<()>;

    /// Writes rows that are written once: a repetition holds the same bytes.
    async fn write_once(&self, rows: &[OnceRow]) -> PortResult<()>;

    /// Envelopes with `after < sequence ≤ through`, in order, at most `limit`; rows whose
    /// `expires_at` has come may be missing at any place. A page shorter than `limit` is not the
    /// end; only an empty one is.
    async fn read_envelopes(
        &self,
        conversation: ConversationId,
        after: Sequence,
        through: Sequence,
        limit: usize,
    ) -> PortResult<Vec<StoredEnvelope>>;

    /// Group-state rows of an incarnation with `from ≤ epoch ≤ through`, in order.
    async fn read_group_states(
        &self,
        conversation: ConversationId,
        incarnation: Incarnation,
        from: Epoch,
        through: Epoch,
    ) -> PortResult<Vec<(Epoch, Bytes)>>;

    /// Deletes group-state rows of an incarnation below an epoch, under a stamp of the fold.
    async fn delete_group_states(
        &self,
        conversation: ConversationId,
        incarnation: Incarnation,
        below: Epoch,
        stamp: Stamp,
    ) -> PortResult<()>;

    async fn read_welcomes(&self, device: DeviceId) -> PortResult<Vec<(WelcomeRef, Bytes)>>;

    async fn delete_welcome(&self, device: DeviceId, reference: WelcomeRef) -> PortResult<()>;

    /// Writes marks; a lower sequence never hides a higher one.
    async fn write_marks(&self, marks: &[Mark]) -> PortResult<()>;

    /// Marks of a device with conversation above `after`, in conversation order, at most `limit`. A
    /// page shorter than `limit` is not the end; only an empty one is.
    async fn read_marks(
        &self,
        device: DeviceId,
        after: Option<ConversationId>,
        limit: usize,
    ) -> PortResult<Vec<Mark>>;

    /// Moves a device's cursor, which never goes back, and deletes its mark at or below the
    /// sequence: a mark above it stays.
    async fn acknowledge(
        &self,
        device: DeviceId,
        conversation: ConversationId,
        sequence: Sequence,
    ) -> PortResult<()>;

    async fn read_cursor(
        &self,
        device: DeviceId,
        conversation: ConversationId,
    ) -> PortResult<Option<Sequence>>;

    /// Makes everything acknowledged so far survive a power cut. An engine that acknowledges
    /// before it syncs returns when its sync interval has passed for all of it.
    async fn sync(&self) -> PortResult<()>;
}
