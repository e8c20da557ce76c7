//! What a submission must be before it may enter the log: the record is made here.

use prost::Message as _;
use xchat_crypto::envelope::digest;
use xchat_proto::{Required as _, client, common, common::Reason, convert, events};
use xchat_types::{Bucket, DeviceId, Digest, Header, Millis, RecordKind, limits};

/// Sizes that are settings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) application: usize,
    pub(crate) handshake: usize,
}

/// A checked submission, encoded for the log.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) header: Header,
    pub(crate) accepted_at: Millis,
    pub(crate) record: bytes::Bytes,
}

/// Why a submission is refused, with a sentence that is safe to show.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: Reason,
    pub(crate) message: String,
}

fn refuse<T>(reason: Reason, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal {
        reason,
        message: message.into(),
    })
}

/// Header, size, digest, time and MLS bytes against each other and the session; stamps
/// `accepted_at` and the bucket. A payload whose bucket has ended (a retry of long ago) stays out
/// of the log: its header still gets its outcome.
pub(crate) fn admit(
    submit: client::SubmitRequest,
    session: DeviceId,
    sizes: Sizes,
    now: Millis,
) -> Result<Admitted, Refusal> {
    let (header, claimed) = read(&submit)?;
    if header.sender != session {
        return refuse(
            Reason::HeaderMismatch,
            "the header names another device than the session",
        );
    }
    if header.counter.0 == 0 {
        return refuse(Reason::Malformed, "counters start at 1");
    }
    check_size(header.kind, submit.payload.len(), sizes)?;
    if now.until(header.created_at) > limits::CLOCK_WARN_MS {
        return refuse(
            Reason::ClockSkew,
            format!(
                "the envelope claims to be made {} s from now: set this device's clock",
                now.until(header.created_at) / 1_000
            ),
        );
    }
    if digest(&header, &submit.payload) != claimed {
        return refuse(
            Reason::DigestMismatch,
            "the digest does not fit header and payload",
        );
    }
    if let Err(mismatch) = xchat_mls::check_header(&header, &submit.payload) {
        return refuse(Reason::HeaderMismatch, mismatch.to_string());
    }
    let record = record(submit, &header, now);
    Ok(Admitted {
        header,
        accepted_at: now,
        record: record.encode_to_vec().into(),
    })
}

fn read(submit: &client::SubmitRequest) -> Result<(Header, Digest), Refusal> {
    submit
        .header
        .as_ref()
        .required("header")
        .and_then(Header::try_from)
        .and_then(|header| Ok((header, convert::id::<Digest>(&submit.digest, "digest")?)))
        .map_err(|error| Refusal {
            reason: Reason::Malformed,
            message: error.to_string(),
        })
}

fn check_size(kind: RecordKind, bytes: usize, sizes: Sizes) -> Result<(), Refusal> {
    let limit = match kind {
        RecordKind::Application => sizes.application,
        RecordKind::Genesis | RecordKind::CommitBundle | RecordKind::Control => sizes.handshake,
    };
    match bytes {
        0 => refuse(Reason::Empty, "the payload is empty"),
        _ if bytes > limit => refuse(
            Reason::TooLarge,
            format!("the payload has {bytes} bytes, {limit} are allowed; send it as a file"),
        ),
        _ => Ok(()),
    }
}

fn record(submit: client::SubmitRequest, header: &Header, now: Millis) -> events::LogRecord {
    let bucket = (header.kind == RecordKind::Application).then(|| {
        let retention = match submit.retention_ms {
            0 => limits::MAX_RETENTION_MS,
            asked => asked,
        };
        Bucket::assign(now, header.created_at, retention)
    });
    let expired = bucket.is_some_and(|bucket| bucket.end() <= now);
    events::LogRecord {
        header: Some(common::Header::from(header)),
        digest: submit.digest,
        accepted_at_ms: now.0,
        bucket: bucket.map(common::Bucket::from),
        payload: if expired {
            bytes::Bytes::new()
        } else {
            submit.payload
        },
        payload_expired: expired,
    }
}

#[cfg(test)]
mod tests;
