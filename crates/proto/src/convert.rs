//! Conversions between messages and types. From types is total; to types is checked.

use bytes::Bytes;
use thiserror::Error;
use xchat_types::{
    Bucket, BucketClass, ConversationId, Counter, DeviceId, Epoch, Header, IdError, Incarnation,
    Millis, Outcome, RecordKind, RefuseReason, Sequence,
};

use crate::common;

/// Why a message is not what its type says.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConvertError {
    #[error("field {0} is missing")]
    Missing(&'static str),
    #[error("field {field}: {source}")]
    Id {
        field: &'static str,
        source: IdError,
    },
    #[error("field {0} holds an unknown value")]
    Unknown(&'static str),
}

/// Unwraps a field that proto3 makes optional.
pub trait Required<T> {
    fn required(self, field: &'static str) -> Result<T, ConvertError>;
}

impl<T> Required<T> for Option<T> {
    fn required(self, field: &'static str) -> Result<T, ConvertError> {
        self.ok_or(ConvertError::Missing(field))
    }
}

/// Reads an id of fixed length.
pub fn id<'a, T>(bytes: &'a Bytes, field: &'static str) -> Result<T, ConvertError>
where
    T: TryFrom<&'a [u8], Error = IdError>,
{
    T::try_from(bytes.as_ref()).map_err(|source| ConvertError::Id { field, source })
}

/// Writes an id.
pub fn id_bytes(id: &impl AsRef<[u8]>) -> Bytes {
    Bytes::copy_from_slice(id.as_ref())
}

fn kind(number: i32) -> Result<RecordKind, ConvertError> {
    u8::try_from(number)
        .ok()
        .and_then(RecordKind::from_number)
        .ok_or(ConvertError::Unknown("kind"))
}

impl TryFrom<&common::Header> for Header {
    type Error = ConvertError;

    fn try_from(header: &common::Header) -> Result<Self, ConvertError> {
        Ok(Self {
            conversation: id::<ConversationId>(&header.conversation_id, "conversation_id")?,
            incarnation: Incarnation(header.incarnation),
            epoch: Epoch(header.epoch),
            sender: id::<DeviceId>(&header.sender_device_id, "sender_device_id")?,
            counter: Counter(header.counter),
            kind: kind(header.kind)?,
            created_at: Millis(header.created_at_ms),
        })
    }
}

impl From<&Header> for common::Header {
    fn from(header: &Header) -> Self {
        Self {
            conversation_id: id_bytes(&header.conversation),
            incarnation: header.incarnation.0,
            epoch: header.epoch.0,
            sender_device_id: id_bytes(&header.sender),
            counter: header.counter.0,
            kind: i32::from(header.kind as u8),
            created_at_ms: header.created_at.0,
        }
    }
}

impl TryFrom<&common::Bucket> for Bucket {
    type Error = ConvertError;

    fn try_from(bucket: &common::Bucket) -> Result<Self, ConvertError> {
        let class = u8::try_from(bucket.bucket_class)
            .ok()
            .and_then(BucketClass::from_number)
            .ok_or(ConvertError::Unknown("bucket_class"))?;
        Ok(Self {
            class,
            index: bucket.index,
        })
    }
}

impl From<Bucket> for common::Bucket {
    fn from(bucket: Bucket) -> Self {
        Self {
            bucket_class: i32::from(bucket.class as u8),
            index: bucket.index,
        }
    }
}

fn refused(message: common::Refused) -> Result<Outcome, ConvertError> {
    u8::try_from(message.reason)
        .ok()
        .and_then(|n| RefuseReason::from_number(n, Counter(message.expected_counter)))
        .map(Outcome::Refused)
        .ok_or(ConvertError::Unknown("reason"))
}

fn refused_message(reason: RefuseReason) -> common::Refused {
    let expected_counter = if let RefuseReason::CounterGap { expected } = reason {
        expected.0
    } else {
        0
    };
    common::Refused {
        reason: i32::from(reason.number()),
        expected_counter,
    }
}

impl TryFrom<&common::Outcome> for Outcome {
    type Error = ConvertError;

    fn try_from(outcome: &common::Outcome) -> Result<Self, ConvertError> {
        use common::{duplicate::First, outcome::Kind};
        match outcome.kind.as_ref().required("outcome.kind")? {
            Kind::Applied(applied) => Ok(Self::Applied(Sequence(applied.sequence))),
            Kind::Parked(parked) => Ok(Self::Parked(Sequence(parked.sequence))),
            Kind::Refused(message) => refused(*message),
            Kind::Duplicate(duplicate) => {
                let first = match duplicate.first.required("duplicate.first")? {
                    First::Applied(applied) => Self::Applied(Sequence(applied.sequence)),
                    First::Parked(parked) => Self::Parked(Sequence(parked.sequence)),
                    First::Refused(message) => refused(message)?,
                };
                let digest_prefix = digest_prefix(&duplicate.digest_prefix)?;
                Ok(Self::Duplicate {
                    first: Box::new(first),
                    digest_prefix,
                })
            }
        }
    }
}

/// Reads the first eight bytes of a digest.
pub fn digest_prefix(bytes: &Bytes) -> Result<[u8; 8], ConvertError> {
    bytes.as_ref().try_into().map_err(|_| ConvertError::Id {
        field: "digest_prefix",
        source: IdError::Length {
            expected: 8,
            got: bytes.len(),
        },
    })
}

impl From<&Outcome> for common::Outcome {
    fn from(outcome: &Outcome) -> Self {
        use common::{Applied, Duplicate, Parked, duplicate::First, outcome::Kind};
        let kind = match outcome {
            Outcome::Applied(sequence) => Kind::Applied(Applied {
                sequence: sequence.0,
            }),
            Outcome::Parked(sequence) => Kind::Parked(Parked {
                sequence: sequence.0,
            }),
            Outcome::Refused(reason) => Kind::Refused(refused_message(*reason)),
            Outcome::Duplicate {
                first,
                digest_prefix,
            } => {
                let first = match first.first() {
                    Outcome::Applied(sequence) => First::Applied(Applied {
                        sequence: sequence.0,
                    }),
                    Outcome::Parked(sequence) => First::Parked(Parked {
                        sequence: sequence.0,
                    }),
                    Outcome::Refused(reason) => First::Refused(refused_message(*reason)),
                    Outcome::Duplicate { .. } => return Self { kind: None },
                };
                Kind::Duplicate(Duplicate {
                    first: Some(first),
                    digest_prefix: Bytes::copy_from_slice(digest_prefix),
                })
            }
        };
        Self { kind: Some(kind) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_survive_the_wire() {
        let refused = Outcome::Refused(RefuseReason::CounterGap {
            expected: Counter(7),
        });
        let duplicate = Outcome::Duplicate {
            first: Box::new(Outcome::Refused(RefuseReason::StaleEpoch)),
            digest_prefix: [3; 8],
        };
        for outcome in [
            Outcome::Applied(Sequence(1)),
            Outcome::Parked(Sequence(2)),
            refused,
            duplicate,
        ] {
            let message = common::Outcome::from(&outcome);
            assert_eq!(Outcome::try_from(&message), Ok(outcome));
        }
    }

    #[test]
    fn a_header_with_a_short_id_or_an_unknown_kind_is_refused() {
        let header = Header {
            conversation: ConversationId::new([1; 32]),
            incarnation: Incarnation(0),
            epoch: Epoch(2),
            sender: DeviceId::new([3; 16]),
            counter: Counter(4),
            kind: RecordKind::Application,
            created_at: Millis(5),
        };
        let good = common::Header::from(&header);
        assert_eq!(Header::try_from(&good), Ok(header));
        let short = common::Header {
            conversation_id: Bytes::from_static(b"x"),
            ..good.clone()
        };
        assert!(Header::try_from(&short).is_err());
        let unknown = common::Header { kind: 9, ..good };
        assert_eq!(
            Header::try_from(&unknown),
            Err(ConvertError::Unknown("kind"))
        );
    }
}
