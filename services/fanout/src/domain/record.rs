//! Records as the log holds them.

use bytes::Bytes;
use thiserror::Error;
use xchat_proto::{ConvertError, Message, Required, convert, events};
use xchat_types::{
    Bucket, ConversationId, Digest, Header, LogId, Millis, Offset, PartitionId, RecordKind,
    limits::{MAX_APPLICATION_BYTES, MAX_HANDSHAKE_BYTES},
};

/// Where a record stands in a log. Provenance: decides what was folded, never what is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub log: LogId,
    pub partition: PartitionId,
    pub offset: Offset,
}

impl Place {
    /// Whether a record here was folded when the checkpoint was written. Under another log id
    /// nothing counts as folded.
    pub fn is_folded_by(&self, checkpoint: Option<Place>) -> bool {
        checkpoint.is_some_and(|checkpoint| {
            (self.log, self.partition) == (checkpoint.log, checkpoint.partition)
                && self.offset <= checkpoint.offset
        })
    }
}

/// One entry of the log. The conversation stands in its frame, outside the record.
#[derive(Clone, Debug)]
pub struct Logged {
    pub place: Place,
    pub appended_at: Millis,
    pub conversation: ConversationId,
    pub bytes: Bytes,
}

/// A record that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub header: Header,
    pub digest: Digest,
    /// Stamped by the gateway.
    pub accepted_at: Millis,
    /// Application records have one, others do not.
    pub bucket: Option<Bucket>,
    pub payload: Bytes,
    /// The bucket had ended at the gateway, which left the payload out.
    pub payload_expired: bool,
}

/// Why a record can't be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Undecodable {
    #[error("not an encoded record")]
    Encoding(#[from] prost::DecodeError),
    #[error(transparent)]
    Field(#[from] ConvertError),
    #[error("the header names another conversation than the log")]
    Conversation,
    #[error("application records have a bucket, and only they")]
    Bucket,
    #[error("a payload that is both there and expired, or neither")]
    Payload,
}

impl Record {
    /// Reads the bytes that stand under a conversation in the log.
    pub fn decode(conversation: &ConversationId, bytes: &Bytes) -> Result<Self, Undecodable> {
        let message = events::LogRecord::decode(bytes.clone())?;
        let header = Header::try_from(message.header.as_ref().required("header")?)?;
        if header.conversation != *conversation {
            return Err(Undecodable::Conversation);
        }
        let bucket = message.bucket.as_ref().map(Bucket::try_from).transpose()?;
        let application = header.kind == RecordKind::Application;
        if bucket.is_some() != application {
            return Err(Undecodable::Bucket);
        }
        if message.payload.is_empty() != message.payload_expired
            || (message.payload_expired && !application)
        {
            return Err(Undecodable::Payload);
        }
        Ok(Self {
            header,
            digest: convert::id(&message.digest, "digest")?,
            accepted_at: Millis(message.accepted_at_ms),
            bucket,
            payload: message.payload,
            payload_expired: message.payload_expired,
        })
    }

    /// The bytes of [`Record::decode`].
    pub fn encode(&self) -> Bytes {
        events::LogRecord {
            header: Some((&self.header).into()),
            digest: convert::id_bytes(&self.digest),
            accepted_at_ms: self.accepted_at.0,
            bucket: self.bucket.map(Into::into),
            payload: self.payload.clone(),
            payload_expired: self.payload_expired,
        }
        .encode_to_vec()
        .into()
    }

    pub fn is_too_large(&self) -> bool {
        let limit = match self.header.kind {
            RecordKind::Application => MAX_APPLICATION_BYTES,
            RecordKind::Genesis | RecordKind::CommitBundle | RecordKind::Control => {
                MAX_HANDSHAKE_BYTES
            }
        };
        self.payload.len() > limit
    }

    /// Whether the bucket ended more than an hour, the slack of every TTL, before the append: the
    /// header takes its sequence, the payload is written nowhere.
    pub fn is_tombstone(&self, appended_at: Millis) -> bool {
        const SLACK_MS: u64 = 3_600_000;
        self.bucket
            .is_some_and(|bucket| bucket.end().saturating_add(SLACK_MS) < appended_at)
    }
}
