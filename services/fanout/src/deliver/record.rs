//! A record as devices see it: pushed or pulled, the same bytes.

use bytes::Bytes;
use xchat_proto::{
    client::{DeliveredRecord, Withheld, delivered_record::Content},
    convert,
};
use xchat_types::{Bucket, Millis, limits::MAX_RETENTION_MS};

use crate::domain::effects::Envelope;

/// The content for a viewer, own records without their payload. `None`: a payload that should be
/// there is missing.
///
/// At the end of its bucket a payload is hidden, wherever its bytes still linger.
pub fn content(
    envelope: &Envelope,
    payload: Option<&Bytes>,
    own: bool,
    now: Millis,
) -> Option<Content> {
    let withheld = |reason: Withheld| Some(Content::Withheld(reason.into()));
    if envelope.parked {
        return withheld(Withheld::Parked);
    }
    if own {
        return withheld(Withheld::Own);
    }
    let end = envelope.bucket.map_or_else(
        || envelope.appended_at.saturating_add(MAX_RETENTION_MS),
        Bucket::end,
    );
    // The append time speaks where the clock here is behind: such a payload was never written.
    if end <= now.max(envelope.appended_at) {
        return withheld(Withheld::Expired);
    }
    payload.cloned().map(Content::Payload)
}

pub fn delivered(envelope: &Envelope, content: Content) -> DeliveredRecord {
    DeliveredRecord {
        header: envelope.header.as_ref().map(Into::into),
        sequence: envelope.sequence.0,
        digest: convert::id_bytes(&envelope.digest),
        appended_at_ms: envelope.appended_at.0,
        accepted_at_ms: envelope.accepted_at.0,
        bucket: envelope.bucket.map(Into::into),
        head_hash: convert::id_bytes(&envelope.head_hash),
        content: Some(content),
    }
}
