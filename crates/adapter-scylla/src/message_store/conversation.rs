//! A conversation's own partition: one batch under one stamp, rows read with the head.

use bytes::Bytes;
use scylla::{
    response::query_result::QueryResult, statement::prepared::PreparedStatement, value::CqlValue,
};
use xchat_ports::{
    PortError, PortResult,
    message_store::{Mutation, RowKey, Rows},
};
use xchat_types::{ConversationId, DeviceId, Offset, PartitionId, Stamp};

use super::{ScyllaMessageStore, timestamp};
use crate::{error::corrupt, time_to_live};

/// What one batch may hold; the engines warn far below (50 KiB is the aim of the fold) and refuse
/// above half a commit log segment.
const MAX_BATCH_BYTES: usize = 900 * 1024;

const HEAD: i8 = 0;
const MEMBER: i8 = 1;
const SENDER: i8 = 2;
const RECENT: i8 = 3;

type StoredRow = (i8, Vec<u8>, Option<Vec<u8>>, Option<i64>);

/// `kind, key`: the device, or `partition u32 ‖ offset u64`, big-endian. The head's key is one
/// zero byte, because an empty clustering key is a special case of every engine.
fn clustering(key: RowKey) -> (i8, Vec<u8>) {
    match key {
        RowKey::Head => (HEAD, vec![0]),
        RowKey::Member(device) => (MEMBER, device.as_bytes().to_vec()),
        RowKey::Sender(device) => (SENDER, device.as_bytes().to_vec()),
        RowKey::Recent(partition, offset) => {
            let mut key = partition.0.to_be_bytes().to_vec();
            key.extend_from_slice(&offset.0.to_be_bytes());
            (RECENT, key)
        }
    }
}

fn row_key(kind: i8, key: &[u8]) -> Option<RowKey> {
    Some(match kind {
        HEAD => RowKey::Head,
        MEMBER => RowKey::Member(DeviceId::try_from(key).ok()?),
        SENDER => RowKey::Sender(DeviceId::try_from(key).ok()?),
        RECENT => {
            let (partition, offset) = key.split_first_chunk::<4>()?;
            let offset = u64::from_be_bytes(offset.try_into().ok()?);
            RowKey::Recent(PartitionId(u32::from_be_bytes(*partition)), Offset(offset))
        }
        _ => return None,
    })
}

fn stored(answer: QueryResult) -> PortResult<Rows> {
    let rows = answer
        .into_rows_result()
        .map_err(|_| corrupt("conversations"))?;
    let rows = rows
        .rows::<StoredRow>()
        .map_err(|_| corrupt("conversations"))?;
    let mut found = Rows::default();
    for row in rows {
        let (kind, key, value, written) = row.map_err(|_| corrupt("conversations"))?;
        let key = row_key(kind, &key).ok_or_else(|| corrupt("conversations"))?;
        let Some(value) = value.map(Bytes::from) else {
            continue;
        };
        if key == RowKey::Head {
            let stamp = written.and_then(|stamp| u64::try_from(stamp).ok());
            let stamp = stamp.ok_or_else(|| corrupt("conversations"))?;
            found.head = Some((Stamp(stamp), value));
        } else {
            found.rows.push((key, value));
        }
    }
    Ok(found)
}

impl ScyllaMessageStore {
    /// One statement on one partition, the head always among the rows: read repair heals exactly
    /// what was read, so a row is never newer than the head it came with.
    pub(super) async fn rows(
        &self,
        conversation: ConversationId,
        keys: &[RowKey],
    ) -> PortResult<Rows> {
        let mut wanted = vec![clustering(RowKey::Head)];
        wanted.extend(
            keys.iter()
                .filter(|key| **key != RowKey::Head)
                .map(|key| clustering(*key)),
        );
        let values = (conversation.as_bytes().as_slice(), wanted);
        let answer = self
            .cluster
            .execute(&self.statements.read_rows, values)
            .await?;
        stored(answer)
    }

    /// Not paged: a thousand members are some hundred KiB, and pages would not be of one moment.
    pub(super) async fn members(&self, conversation: ConversationId) -> PortResult<Rows> {
        let values = (conversation.as_bytes().as_slice(),);
        let answer = self
            .cluster
            .execute(&self.statements.read_members, values)
            .await?;
        stored(answer)
    }

    pub(super) async fn apply(&self, mutation: &Mutation) -> PortResult<()> {
        if !mutation.changes.iter().any(|row| row.key == RowKey::Head) {
            return Err(PortError::Conflict("a mutation changes the head"));
        }
        let (statements, values) = self.batch_of(mutation)?;
        self.cluster.batch(statements, values).await
    }

    fn batch_of(
        &self,
        mutation: &Mutation,
    ) -> PortResult<(Vec<&PreparedStatement>, Vec<Vec<CqlValue>>)> {
        let size = mutation
            .changes
            .iter()
            .filter_map(|row| row.value.as_ref().map(Bytes::len));
        if size.sum::<usize>() > MAX_BATCH_BYTES {
            return Err(PortError::TooLarge("a mutation of a conversation"));
        }
        let stamp = CqlValue::BigInt(timestamp(mutation.stamp.0)?);
        let conversation = CqlValue::Blob(mutation.conversation.as_bytes().to_vec());
        let now = self.clock.now();
        let mut statements = Vec::with_capacity(mutation.changes.len());
        let mut all = Vec::with_capacity(mutation.changes.len());
        for change in &mutation.changes {
            let (kind, key) = clustering(change.key);
            let place = [
                conversation.clone(),
                CqlValue::TinyInt(kind),
                CqlValue::Blob(key),
            ];
            let mut values = Vec::with_capacity(6);
            let Some(value) = &change.value else {
                values.push(stamp.clone());
                values.extend(place);
                statements.push(&self.statements.drop_row);
                all.push(values);
                continue;
            };
            values.extend(place);
            values.push(CqlValue::Blob(value.to_vec()));
            values.push(stamp.clone());
            if let Some(ends) = change.expires_at {
                let Some(seconds) = time_to_live::seconds(ends, now) else {
                    continue;
                };
                values.push(CqlValue::Int(seconds));
                statements.push(&self.statements.put_row_with_end);
            } else {
                statements.push(&self.statements.put_row);
            }
            all.push(values);
        }
        Ok((statements, all))
    }
}
