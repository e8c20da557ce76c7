//! Records in sequence order, as far as they are a device's own.

use xchat_proto::{Message, client::DeliveredRecord};
use xchat_types::{ConversationId, DeviceId, Sequence};

use super::Fanout;
use crate::{
    Error,
    deliver::record::{content, delivered},
    domain::{Member, effects::Envelope},
};

/// Of one answer.
const MOST_RECORDS: usize = 256;
/// Of one answer, below a socket's frame; a record alone always fits.
const MOST_BYTES: usize = 512 * 1024;

/// What a pull gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Pulled {
    pub records: Vec<DeliveredRecord>,
    /// The highest sequence that the device may read now.
    pub through: Sequence,
}

impl Fanout {
    /// Reads on from a cursor. A device sees its own stays only; behind an expired payload its
    /// header still stands. `limit` 0: as many as fit.
    pub async fn pull(
        &self,
        device: DeviceId,
        conversation: ConversationId,
        after: Sequence,
        limit: usize,
    ) -> Result<Pulled, Error> {
        let (head, member) = self.own_row(device, conversation).await?;
        if after > head.sequence {
            return Err(Error::RolledBack);
        }
        let limit = if limit == 0 {
            MOST_RECORDS
        } else {
            limit.min(MOST_RECORDS)
        };
        let last = member.spans.last().ok_or(Error::NotMember)?;
        let through = last.readable_through(head.sequence);
        let mut records = Vec::new();
        if let Some((after, through)) = readable(&member, after, head.sequence) {
            self.read(device, conversation, (after, through), limit, &mut records)
                .await?;
        }
        Ok(Pulled { records, through })
    }

    async fn read(
        &self,
        device: DeviceId,
        conversation: ConversationId,
        (mut after, through): (Sequence, Sequence),
        limit: usize,
        records: &mut Vec<DeliveredRecord>,
    ) -> Result<(), Error> {
        let store = &self.conversations.store;
        let now = self.clock.now();
        let mut bytes = 0;
        while records.len() < limit && after < through {
            let wanted = limit - records.len();
            let page = store
                .read_envelopes(conversation, after, through, wanted)
                .await?;
            let Some(last) = page.last() else { break };
            after = last.sequence;
            for row in page {
                let envelope = Envelope::from_row(&conversation, row.sequence, &row.value)?;
                let own = envelope
                    .header
                    .is_some_and(|header| header.sender == device);
                let content = content(&envelope, row.payload.as_ref(), own, now)
                    .ok_or(Error::Missing("payload"))?;
                let record = delivered(&envelope, content);
                bytes += record.encoded_len();
                if bytes > MOST_BYTES && !records.is_empty() {
                    return Ok(());
                }
                records.push(record);
            }
        }
        Ok(())
    }
}

/// The next part of the device's stays behind a cursor: `after < sequence ≤ through`.
fn readable(member: &Member, after: Sequence, head: Sequence) -> Option<(Sequence, Sequence)> {
    member
        .spans
        .iter()
        .map(|span| (span.joined.max(after), span.readable_through(head)))
        .find(|(after, through)| after < through)
}
