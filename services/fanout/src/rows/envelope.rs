//! `envelopes`. The conversation id is the key and is not repeated in the header.

use bytes::Bytes;
use xchat_proto::{Message, convert, events};
use xchat_types::{Bucket, ConversationId, Header, Millis, Sequence};

use super::Damaged;
use crate::domain::effects::Envelope;

impl Envelope {
    pub fn to_row(&self) -> Bytes {
        let header = self.header.as_ref().map(|header| {
            let mut header = xchat_proto::common::Header::from(header);
            header.conversation_id = Bytes::new();
            header
        });
        events::EnvelopeRow {
            header,
            digest: convert::id_bytes(&self.digest),
            appended_at_ms: self.appended_at.0,
            accepted_at_ms: self.accepted_at.0,
            bucket: self.bucket.map(Into::into),
            head_hash: convert::id_bytes(&self.head_hash),
            parked: self.parked,
        }
        .encode_to_vec()
        .into()
    }

    pub fn from_row(
        conversation: &ConversationId,
        sequence: Sequence,
        row: &Bytes,
    ) -> Result<Self, Damaged> {
        let row = events::EnvelopeRow::decode(row.clone())?;
        let header = row.header.map(|mut header| {
            header.conversation_id = convert::id_bytes(conversation);
            Header::try_from(&header)
        });
        Ok(Self {
            sequence,
            header: header.transpose()?,
            digest: convert::id(&row.digest, "digest")?,
            appended_at: Millis(row.appended_at_ms),
            accepted_at: Millis(row.accepted_at_ms),
            bucket: row.bucket.as_ref().map(Bucket::try_from).transpose()?,
            head_hash: convert::id(&row.head_hash, "head_hash")?,
            parked: row.parked,
        })
    }
}
