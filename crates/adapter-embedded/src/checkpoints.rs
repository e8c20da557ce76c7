//! What the log keeps in the message store: how far the fold has got.

use std::fmt;

use async_trait::async_trait;
use xchat_ports::PortResult;
use xchat_types::{LogId, Offset, PartitionId};

/// Implemented by [`crate::EmbeddedMessageStore`].
#[async_trait]
pub trait Checkpoints: Send + Sync + fmt::Debug {
    /// From now on folded records belong to this log. Returns the highest offset of each partition
    /// that the store relies on. Called once, before the log reads its segments; may block.
    fn attach(&self, log: LogId) -> PortResult<Vec<(PartitionId, Offset)>>;

    /// Notes positions, after it has synced everything that was written before.
    async fn commit(&self, log: LogId, positions: &[(PartitionId, Offset)]) -> PortResult<()>;

    /// Makes what was noted survive a power cut: asked for before the log deletes records, for a
    /// position that goes back behind them would be one that the log no longer holds.
    async fn settle(&self) -> PortResult<()>;

    async fn committed(&self, log: LogId, partition: PartitionId) -> PortResult<Option<Offset>>;
}
