//! The envelope log. A read waits for records: its time says nothing.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use xchat_ports::{
    EventLog, PortResult,
    event_log::{Append, Appended, Entry, Membership, Span},
};
use xchat_types::{LogId, Millis, Offset, PartitionId};

use super::{Metered, failed, timed};
use crate::metrics::{Call, metrics};

#[async_trait]
impl EventLog for Metered<dyn EventLog> {
    fn log_id(&self) -> LogId {
        self.0.log_id()
    }

    fn partitions(&self) -> u32 {
        self.0.partitions()
    }

    async fn append(&self, records: Vec<Append>) -> Vec<PortResult<Appended>> {
        let began = Instant::now();
        let answers = self.0.append(records).await;
        metrics().calls.record(began.elapsed(), Call::LogAppend);
        for error in answers.iter().filter_map(|answer| answer.as_ref().err()) {
            failed(Call::LogAppend, error);
        }
        answers
    }

    async fn read(
        &self,
        positions: &[(PartitionId, Offset)],
        max_bytes: usize,
        wait: Duration,
    ) -> PortResult<Vec<Entry>> {
        let read = self.0.read(positions, max_bytes, wait).await;
        read.inspect_err(|error| {
            failed(Call::LogRead, error);
        })
    }

    async fn join(&self, member: &str) -> PortResult<Box<dyn Membership>> {
        timed(Call::LogJoin, self.0.join(member)).await
    }

    async fn span(&self, partition: PartitionId) -> PortResult<Span> {
        timed(Call::LogSpan, self.0.span(partition)).await
    }

    async fn oldest_at(&self, partition: PartitionId, from: Offset) -> PortResult<Option<Millis>> {
        timed(Call::LogOldestAt, self.0.oldest_at(partition, from)).await
    }

    async fn commit(&self, positions: &[(PartitionId, Offset)]) -> PortResult<()> {
        timed(Call::LogCommit, self.0.commit(positions)).await
    }

    async fn committed(&self, partition: PartitionId) -> PortResult<Option<Offset>> {
        timed(Call::LogCommitted, self.0.committed(partition)).await
    }

    async fn release(&self, below: &[(PartitionId, Offset)], before: Millis) -> PortResult<()> {
        timed(Call::LogRelease, self.0.release(below, before)).await
    }
}
