//! Rows that are written once: envelopes with their payloads, group states, welcomes.

use std::{collections::BTreeMap, sync::PoisonError};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream, try_join};
use xchat_ports::{
    PortResult,
    message_store::{OnceRow, PayloadClass, StoredEnvelope},
};
use xchat_types::{ConversationId, Millis, Sequence};

use super::{ScyllaMessageStore, saturated};
use crate::{error::corrupt, time_to_live};

/// Sequences a partition.
const BUCKET: i64 = 1_024;
/// Rows of one call in flight.
const AT_ONCE: usize = 32;
const DAY_MS: u64 = 86_400_000;
const HOUR_MS: u64 = 3_600_000;
/// Headers, payloads of the 30-day class and welcomes: 30 days and a day of slack.
const MONTH_MS: u64 = 31 * DAY_MS;
/// Partitions that are remembered as noted; beyond it all are noted again.
const NOTED: usize = 100_000;

/// `sequence, header, payload`.
type EnvelopeRow = (i64, Option<Vec<u8>>, Option<Vec<u8>>);
type PayloadRow = (i64, Vec<u8>);
/// `conversation, bucket, sequence, header or payload, write timestamp, time to live`.
type PutValues<'a> = (&'a [u8], i64, i64, &'a [u8], i64, i32);

/// A payload of the month's class and the header that follows it stand in one row.
fn are_one_row(payload: &OnceRow, header: &OnceRow) -> bool {
    let OnceRow::Payload {
        conversation,
        sequence,
        class: PayloadClass::Month,
        ..
    } = payload
    else {
        return false;
    };
    let place = (*conversation, *sequence);
    matches!(header, OnceRow::Envelope { conversation, sequence, .. }
        if (*conversation, *sequence) == place)
}

impl ScyllaMessageStore {
    pub(super) async fn write_rows(&self, rows: &[OnceRow]) -> PortResult<()> {
        let writes: Vec<_> = rows
            .chunk_by(are_one_row)
            .map(|rows| self.write_together(rows))
            .collect();
        stream::iter(writes)
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    /// What [`are_one_row`] is one request.
    async fn write_together(&self, rows: &[OnceRow]) -> PortResult<()> {
        let [
            OnceRow::Payload {
                value: payload,
                expires_at: payload_ends,
                ..
            },
            OnceRow::Envelope {
                conversation,
                sequence,
                value,
                expires_at,
            },
        ] = rows
        else {
            for row in rows {
                self.write_row(row).await?;
            }
            return Ok(());
        };
        let place = (conversation, *sequence);
        let put = async {
            let payload = self.put_values(place, (payload, *payload_ends), MONTH_MS);
            let header = self.put_values(place, (value, *expires_at), MONTH_MS);
            let put = (&self.statements.put_payload, payload);
            let parts = [put, (&self.statements.put_header, header)];
            let parts = parts
                .into_iter()
                .filter_map(|(statement, values)| Some((statement, values?)));
            let (statements, values): (Vec<_>, Vec<_>) = parts.unzip();
            if statements.is_empty() {
                return Ok(());
            }
            self.cluster.batch(statements, values).await
        };
        try_join!(put, self.note_bucket(place, *expires_at))?;
        Ok(())
    }

    async fn write_row(&self, row: &OnceRow) -> PortResult<()> {
        let statements = &self.statements;
        match row {
            OnceRow::Envelope {
                conversation,
                sequence,
                value,
                expires_at,
            } => {
                let place = (conversation, *sequence);
                let put = self.put(
                    &statements.put_header,
                    place,
                    (value, *expires_at),
                    MONTH_MS,
                );
                try_join!(put, self.note_bucket(place, *expires_at))?;
                Ok(())
            }
            OnceRow::Payload {
                conversation,
                sequence,
                class,
                value,
                expires_at,
            } => {
                let (statement, class_ms) = match class {
                    PayloadClass::Hour => (&statements.put_payload_hour, HOUR_MS),
                    PayloadClass::Day => (&statements.put_payload_day, DAY_MS),
                    PayloadClass::Month => (&statements.put_payload, MONTH_MS),
                };
                let place = (conversation, *sequence);
                self.put(statement, place, (value, *expires_at), class_ms)
                    .await
            }
            OnceRow::GroupState {
                conversation,
                incarnation,
                epoch,
                value,
            } => {
                let values = (
                    conversation.as_bytes().as_slice(),
                    i64::from(incarnation.0),
                    saturated(epoch.0),
                    value.as_ref(),
                );
                self.cluster
                    .execute(&statements.put_group_state, values)
                    .await?;
                Ok(())
            }
            OnceRow::Welcome {
                device,
                reference,
                value,
                expires_at,
            } => {
                let now = self.clock.now();
                let Some(seconds) = time_to_live::seconds(*expires_at, now) else {
                    return Ok(());
                };
                let at = time_to_live::write_timestamp(*expires_at, MONTH_MS, now);
                let place = (
                    device.as_bytes().as_slice(),
                    reference.as_bytes().as_slice(),
                );
                let values = (place.0, place.1, value.as_ref(), at, seconds);
                self.cluster
                    .execute(&statements.put_welcome, values)
                    .await?;
                Ok(())
            }
        }
    }

    async fn put(
        &self,
        statement: &scylla::statement::prepared::PreparedStatement,
        place: (&ConversationId, Sequence),
        row: (&Bytes, Millis),
        class_ms: u64,
    ) -> PortResult<()> {
        if let Some(values) = self.put_values(place, row, class_ms) {
            self.cluster.execute(statement, values).await?;
        }
        Ok(())
    }

    /// Nothing for what has ended.
    fn put_values<'a>(
        &self,
        (conversation, sequence): (&'a ConversationId, Sequence),
        (value, expires_at): (&'a Bytes, Millis),
        class_ms: u64,
    ) -> Option<PutValues<'a>> {
        let now = self.clock.now();
        let seconds = time_to_live::seconds(expires_at, now)?;
        let at = time_to_live::write_timestamp(expires_at, class_ms, now);
        let sequence = saturated(sequence.0);
        let conversation = conversation.as_bytes().as_slice();
        let bucket = sequence / BUCKET;
        Some((conversation, bucket, sequence, value, at, seconds))
    }

    /// Says that a partition holds rows, until a day after they end: about once a day each.
    async fn note_bucket(
        &self,
        (conversation, sequence): (&ConversationId, Sequence),
        expires_at: Millis,
    ) -> PortResult<()> {
        let bucket = saturated(sequence.0) / BUCKET;
        let key = (*conversation, bucket);
        let known = {
            let noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
            noted.get(&key).is_some_and(|until| *until >= expires_at)
        };
        let (now, ends) = (self.clock.now(), expires_at.saturating_add(DAY_MS));
        let Some(seconds) = time_to_live::seconds(ends, now).filter(|_| !known) else {
            return Ok(());
        };
        let at = time_to_live::write_timestamp(ends, MONTH_MS + DAY_MS, now);
        let values = (conversation.as_bytes().as_slice(), bucket, at, seconds);
        self.cluster
            .execute(&self.statements.put_bucket, values)
            .await?;
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.len() >= NOTED {
            noted.clear();
        }
        noted.insert(key, ends);
        Ok(())
    }

    pub(super) async fn envelopes(
        &self,
        conversation: ConversationId,
        (after, through): (Sequence, Sequence),
        limit: usize,
    ) -> PortResult<Vec<StoredEnvelope>> {
        let (after, through) = (saturated(after.0), saturated(through.0));
        if after >= through || limit == 0 {
            return Ok(Vec::new());
        }
        let range = (after.saturating_add(1) / BUCKET, through / BUCKET);
        let id = conversation.as_bytes().as_slice();
        let read = &self.statements.read_buckets;
        let buckets: Vec<(i64,)> = if range.0 == range.1 {
            vec![(range.0,)]
        } else {
            self.cluster
                .rows(read, (id, range.0, range.1), usize::MAX)
                .await?
        };
        let mut found = Vec::new();
        for (bucket,) in buckets {
            let left = limit.saturating_sub(found.len());
            if left == 0 {
                break;
            }
            found.extend(
                self.bucket(conversation, bucket, (after, through), left)
                    .await?,
            );
        }
        Ok(found)
    }

    async fn bucket(
        &self,
        conversation: ConversationId,
        bucket: i64,
        (after, through): (i64, i64),
        limit: usize,
    ) -> PortResult<Vec<StoredEnvelope>> {
        let values = (conversation.as_bytes().as_slice(), bucket, after, through);
        let read = &self.statements.read_envelopes;
        let rows: Vec<EnvelopeRow> = self
            .cluster
            .rows_where(
                read,
                values,
                limit,
                |(_, value, _): &(_, Option<Vec<u8>>, _)| value.is_some(),
            )
            .await?;
        let mut found = Vec::new();
        // A payload whose header is not there is not an envelope.
        for (sequence, value, payload) in rows {
            let Some(value) = value else { continue };
            let sequence = u64::try_from(sequence).map_err(|_| corrupt("envelopes"))?;
            found.push(StoredEnvelope {
                sequence: Sequence(sequence),
                value: Bytes::from(value),
                payload: payload.map(Bytes::from),
            });
        }
        self.fill_payloads(conversation, bucket, &mut found).await?;
        Ok(found)
    }

    /// Adds payloads that stand in the tables of the shorter classes.
    async fn fill_payloads(
        &self,
        conversation: ConversationId,
        bucket: i64,
        found: &mut [StoredEnvelope],
    ) -> PortResult<()> {
        let mut missing = found.iter().filter(|envelope| envelope.payload.is_none());
        let Some(first) = missing.next() else {
            return Ok(());
        };
        let last = missing.next_back().unwrap_or(first);
        let range = (saturated(first.sequence.0), saturated(last.sequence.0));
        let values = (conversation.as_bytes().as_slice(), bucket, range.0, range.1);
        let (hour, day) = (
            &self.statements.read_payloads_hour,
            &self.statements.read_payloads_day,
        );
        let (hour, day): (Vec<PayloadRow>, Vec<PayloadRow>) = try_join!(
            self.cluster.rows(hour, values, usize::MAX),
            self.cluster.rows(day, values, usize::MAX),
        )?;
        let mut payloads: BTreeMap<i64, Vec<u8>> = hour.into_iter().chain(day).collect();
        for envelope in found
            .iter_mut()
            .filter(|envelope| envelope.payload.is_none())
        {
            envelope.payload = payloads
                .remove(&saturated(envelope.sequence.0))
                .map(Bytes::from);
        }
        Ok(())
    }
}
