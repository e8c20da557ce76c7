//! A delivered record, read from the wire.

use bytes::Bytes;
use xchat_proto::{
    ConvertError, Required as _,
    client::{DeliveredRecord, Withheld, delivered_record},
    common, convert,
};
use xchat_types::{Bucket, Digest, HeadHash, Header, Millis, Sequence};

/// A record at its place in a conversation, every field of the right form and nothing verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Missing only where the fold could not read it.
    pub(crate) header: Option<Header>,
    pub(crate) sequence: Sequence,
    pub(crate) digest: Digest,
    pub(crate) appended_at: Millis,
    pub(crate) accepted_at: Millis,
    pub(crate) bucket: Option<Bucket>,
    pub(crate) head_hash: HeadHash,
    pub(crate) content: Content,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Payload(Bytes),
    Own,
    Expired,
    Parked,
}

impl TryFrom<&DeliveredRecord> for Record {
    type Error = ConvertError;

    fn try_from(record: &DeliveredRecord) -> Result<Self, ConvertError> {
        let content = match record.content.as_ref().required("content")? {
            delivered_record::Content::Payload(payload) => Content::Payload(payload.clone()),
            delivered_record::Content::Withheld(number) => match Withheld::try_from(*number) {
                Ok(Withheld::Own) => Content::Own,
                Ok(Withheld::Expired) => Content::Expired,
                Ok(Withheld::Parked) => Content::Parked,
                Ok(Withheld::Unspecified) | Err(_) => {
                    return Err(ConvertError::Unknown("withheld"));
                }
            },
        };
        Ok(Self {
            header: header(record.header.as_ref(), &content)?,
            sequence: Sequence(record.sequence),
            digest: convert::id(&record.digest, "digest")?,
            appended_at: Millis(record.appended_at_ms),
            accepted_at: Millis(record.accepted_at_ms),
            bucket: record.bucket.as_ref().map(Bucket::try_from).transpose()?,
            head_hash: convert::id(&record.head_hash, "head_hash")?,
            content,
        })
    }
}

/// Of a parked record whatever can be read: it is not acted on.
fn header(
    header: Option<&common::Header>,
    content: &Content,
) -> Result<Option<Header>, ConvertError> {
    if *content == Content::Parked {
        return Ok(header.and_then(|header| Header::try_from(header).ok()));
    }
    Header::try_from(header.required("header")?).map(Some)
}
