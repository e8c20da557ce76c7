//! Numbered records without an outcome, exactly as they are submitted, however often.

use prost::Message as _;
use serde::{Deserialize, Serialize};
use xchat_crypto::envelope;
use xchat_proto::{client::SubmitRequest, convert};
use xchat_types::{Counter, Digest, Epoch, Header, Millis};

use crate::row::{RowError, blob, decode, encode};

/// What a submission is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum What {
    Genesis,
    Commit,
    /// Number of the text in the outbox.
    Text(u64),
    /// Accept or decline.
    Answer(bool),
}

/// The stored part: the request's own bytes, so that a retry has the same digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SubmissionRow {
    what: What,
    digest: Digest,
    #[serde(with = "blob")]
    request: Vec<u8>,
}

/// A submission and what is known of it on this socket.
#[derive(Clone, Debug)]
pub(crate) struct Submission {
    row: SubmissionRow,
    header: Header,
    /// Sent on this socket, and when it was accepted there.
    pub(crate) sent: bool,
    pub(crate) accepted_at: Option<Millis>,
    /// An earlier sending has no answer: the log may hold the record. True of whatever is read
    /// back from the store, for a record is stored before it goes out.
    unanswered: bool,
}

impl Submission {
    pub(crate) fn new(what: What, header: Header, payload: Vec<u8>) -> Self {
        let digest = envelope::digest(&header, &payload);
        let request = SubmitRequest {
            header: Some((&header).into()),
            digest: convert::id_bytes(&digest),
            payload: payload.into(),
            retention_ms: 0,
        };
        Self {
            row: SubmissionRow {
                what,
                digest,
                request: request.encode_to_vec(),
            },
            header,
            sent: false,
            accepted_at: None,
            unanswered: false,
        }
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, RowError> {
        let row: SubmissionRow = decode("submission", bytes)?;
        let request = SubmitRequest::decode(row.request.as_slice());
        let request = request.map_err(|_| RowError("submission"))?;
        let header = request.header.as_ref().ok_or(RowError("submission"))?;
        let header = Header::try_from(header).map_err(|_| RowError("submission"))?;
        Ok(Self {
            row,
            header,
            sent: false,
            accepted_at: None,
            unanswered: true,
        })
    }

    pub(crate) fn to_bytes(&self) -> zeroize::Zeroizing<Vec<u8>> {
        encode(&self.row)
    }

    pub(crate) const fn what(&self) -> What {
        self.row.what
    }

    pub(crate) const fn header(&self) -> &Header {
        &self.header
    }

    pub(crate) const fn counter(&self) -> Counter {
        self.header.counter
    }

    pub(crate) const fn epoch(&self) -> Epoch {
        self.header.epoch
    }

    pub(crate) const fn digest(&self) -> Digest {
        self.row.digest
    }

    pub(crate) fn digest_prefix(&self) -> [u8; 8] {
        xchat_types::outcome::digest_prefix(&self.row.digest)
    }

    /// Decodes what was encoded here; an empty request, which the server refuses, for bytes that a
    /// store has damaged after they were read.
    pub(crate) fn request(&self) -> SubmitRequest {
        SubmitRequest::decode(self.row.request.as_slice()).unwrap_or_default()
    }

    pub(crate) fn payload(&self) -> Vec<u8> {
        self.request().payload.to_vec()
    }

    /// What was sent on this socket, and what was said to it, counts for nothing more.
    pub(crate) const fn forget_socket(&mut self) {
        self.unanswered |= self.sent;
        self.refused_for_now();
    }

    /// The last sending was answered: it was not taken.
    pub(crate) const fn refused_for_now(&mut self) {
        self.sent = false;
        self.accepted_at = None;
    }

    pub(crate) const fn is_unanswered(&self) -> bool {
        self.unanswered
    }

    /// Whether what it is for can be made anew while it may still turn out to be in the log. A
    /// commit cannot: without its secrets this device could not follow.
    pub(crate) const fn can_be_in_doubt(&self) -> bool {
        matches!(self.row.what, What::Text(_) | What::Answer(_))
    }
}
