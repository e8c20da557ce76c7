//! Ownership where one process has the log: the first member owns all partitions, and the next one
//! gets them when it is gone.

use std::{future::pending, sync::Arc};

use async_trait::async_trait;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use xchat_ports::{
    PortError, PortResult,
    event_log::{Change, Membership},
};
use xchat_types::PartitionId;

#[derive(Debug)]
pub(super) struct OnlyMember {
    ownership: Arc<Semaphore>,
    partitions: u32,
    owned: Option<OwnedSemaphorePermit>,
}

impl OnlyMember {
    pub(super) const fn new(ownership: Arc<Semaphore>, partitions: u32) -> Self {
        Self {
            ownership,
            partitions,
            owned: None,
        }
    }
}

#[async_trait]
impl Membership for OnlyMember {
    async fn next(&mut self) -> PortResult<Change> {
        if self.owned.is_some() {
            return pending().await;
        }
        let owned = Arc::clone(&self.ownership).acquire_owned().await;
        self.owned = Some(owned.map_err(PortError::unavailable)?);
        Ok(Change::Assigned(
            (0..self.partitions).map(PartitionId).collect(),
        ))
    }

    async fn released(&mut self, _partitions: &[PartitionId]) -> PortResult<()> {
        Ok(())
    }
}
