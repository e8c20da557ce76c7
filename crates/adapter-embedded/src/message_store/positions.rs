//! How far the fold has got in the log that is attached: commit hints, and the offsets whose
//! mutations are stored. With these the log can tell damage from a torn tail.

use std::collections::BTreeMap;

use fjall::OwnedWriteBatch;
use xchat_ports::{
    PortResult,
    message_store::{Mutation, RowKey},
};
use xchat_types::{LogId, Offset, PartitionId};

use super::{
    keys::{self, Position},
    store::{Database, Store, lock},
};
use crate::engine::{Fault, META};

/// The highest folded offset of each partition of the log that is attached. Two mutations of one
/// partition at the same time may leave the lower one behind: that only makes the check weaker by
/// a record.
#[derive(Debug)]
pub(super) struct Folded {
    log: LogId,
    offsets: BTreeMap<PartitionId, Offset>,
}

/// The records that a mutation folds.
fn records(mutation: &Mutation) -> impl Iterator<Item = (PartitionId, Offset)> + '_ {
    mutation.changes.iter().filter_map(|change| {
        let RowKey::Recent(partition, offset) = change.key else {
            return None;
        };
        change.value.as_ref().map(|_| (partition, offset))
    })
}

fn read(
    opened: &Database,
    log: LogId,
    kind: Position,
) -> Result<BTreeMap<PartitionId, Offset>, Fault> {
    let mut found = BTreeMap::new();
    for guard in opened.meta.prefix(keys::positions(log, kind)) {
        let (key, row) = guard.into_inner()?;
        let partition = keys::tail(&key).ok_or(Fault::Row(META))?;
        let offset = keys::tail(&row).ok_or(Fault::Row(META))?;
        found.insert(
            PartitionId(u32::from_be_bytes(partition)),
            Offset(u64::from_be_bytes(offset)),
        );
    }
    Ok(found)
}

impl Store {
    pub(super) fn attach(&self, log: LogId) -> PortResult<Vec<(PartitionId, Offset)>> {
        let mut offsets = self
            .engine
            .read(|opened| read(opened, log, Position::Folded))?;
        let committed = self
            .engine
            .read(|opened| read(opened, log, Position::Committed))?;
        for (partition, next) in committed {
            if let Some(last) = next.0.checked_sub(1) {
                let highest = offsets.entry(partition).or_insert(Offset(last));
                *highest = Offset(last).max(*highest);
            }
        }
        let all = offsets.iter().map(|(id, offset)| (*id, *offset)).collect();
        *lock(&self.folded) = Some(Folded { log, offsets });
        Ok(all)
    }

    /// Adds the folded positions to a mutation's batch.
    pub(super) fn note_folded(
        &self,
        batch: &mut OwnedWriteBatch,
        opened: &Database,
        mutation: &Mutation,
    ) {
        if let Some(folded) = &*lock(&self.folded) {
            for (partition, offset) in records(mutation) {
                if folded
                    .offsets
                    .get(&partition)
                    .is_none_or(|held| *held < offset)
                {
                    let key = keys::position(folded.log, Position::Folded, partition);
                    batch.insert(&opened.meta, key, offset.0.to_be_bytes());
                }
            }
        }
    }

    /// Remembers what a mutation that was applied has folded.
    pub(super) fn took(&self, mutation: &Mutation) {
        if let Some(folded) = &mut *lock(&self.folded) {
            for (partition, offset) in records(mutation) {
                let highest = folded.offsets.entry(partition).or_insert(offset);
                *highest = offset.max(*highest);
            }
        }
    }

    /// A hint says that everything before it is done and synced: so it is synced first.
    pub(super) fn commit(&self, log: LogId, positions: &[(PartitionId, Offset)]) -> PortResult<()> {
        self.sync()?;
        self.engine.write(|opened| {
            let mut batch = opened.database.batch();
            for (partition, offset) in positions {
                let key = keys::position(log, Position::Committed, *partition);
                batch.insert(&opened.meta, key, offset.0.to_be_bytes());
            }
            Ok(batch.commit()?)
        })
    }

    pub(super) fn committed(
        &self,
        log: LogId,
        partition: PartitionId,
    ) -> PortResult<Option<Offset>> {
        self.engine.read(|opened| {
            let key = keys::position(log, Position::Committed, partition);
            let row = opened.meta.get(key)?;
            let offset = row.map(|row| keys::tail(&row).ok_or(Fault::Row(META)));
            Ok(offset
                .transpose()?
                .map(|bytes| Offset(u64::from_be_bytes(bytes))))
        })
    }
}
