//! Stored rows: the bytes of `xchat.events.v1` for the types of the domain.
//!
//! Encoding is deterministic, so that a replay writes the same bytes. Golden bytes of every row
//! stand in `testdata/fanout/`.

mod envelope;
mod group_state;
mod head;
mod member;
mod recent;
mod welcome;

use bytes::Bytes;
use thiserror::Error;
use xchat_mls::{NotCanonical, SnapshotError};
use xchat_proto::ConvertError;

pub use welcome::StoredWelcome;

/// A row that is not what was written. A human should look.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Damaged {
    #[error("not an encoded row")]
    Encoding(#[from] prost::DecodeError),
    #[error(transparent)]
    Field(#[from] ConvertError),
    #[error("the control state can't be read")]
    Control(#[from] NotCanonical),
    #[error("the snapshot can't be read: {0}")]
    Snapshot(#[from] SnapshotError),
    #[error("the packed outcomes can't be read")]
    Outcomes,
}

/// A value with a stored form.
pub trait Row: Sized {
    fn encode(&self) -> Bytes;

    fn decode(bytes: &Bytes) -> Result<Self, Damaged>;
}
