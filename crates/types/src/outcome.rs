//! What became of an accepted record. Each has exactly one outcome (architecture, section 4).

use crate::{Counter, Digest, Sequence};

/// Why the fold refused a record. The numbers are stored: append-only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum RefuseReason {
    StaleEpoch,
    NotMember,
    AwaitingConsent,
    /// The counter is ahead; does not consume it. The envelope is sent again in order.
    CounterGap {
        expected: Counter,
    },
    InvalidHandshake,
    DeniedByRole,
    TooLarge,
    Expired,
}

impl RefuseReason {
    pub const fn number(self) -> u8 {
        match self {
            Self::StaleEpoch => 1,
            Self::NotMember => 2,
            Self::AwaitingConsent => 3,
            Self::CounterGap { .. } => 4,
            Self::InvalidHandshake => 5,
            Self::DeniedByRole => 6,
            Self::TooLarge => 7,
            Self::Expired => 8,
        }
    }

    /// `expected` is read for `CounterGap` only.
    pub const fn from_number(number: u8, expected: Counter) -> Option<Self> {
        Some(match number {
            1 => Self::StaleEpoch,
            2 => Self::NotMember,
            3 => Self::AwaitingConsent,
            4 => Self::CounterGap { expected },
            5 => Self::InvalidHandshake,
            6 => Self::DeniedByRole,
            7 => Self::TooLarge,
            8 => Self::Expired,
            _ => return None,
        })
    }

    /// The reason's stable name, as in the proto enum and in `--json`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::StaleEpoch => "stale_epoch",
            Self::NotMember => "not_member",
            Self::AwaitingConsent => "awaiting_consent",
            Self::CounterGap { .. } => "counter_gap",
            Self::InvalidHandshake => "invalid_handshake",
            Self::DeniedByRole => "denied_by_role",
            Self::TooLarge => "too_large",
            Self::Expired => "expired",
        }
    }

    /// Whether the counter stays free for the same envelope.
    pub const fn keeps_counter(self) -> bool {
        matches!(self, Self::CounterGap { .. })
    }
}

/// The one outcome of an accepted record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Applied(Sequence),
    Refused(RefuseReason),
    /// The counter was seen before: the outcome and digest prefix of its first record.
    Duplicate {
        first: Box<Outcome>,
        digest_prefix: [u8; 8],
    },
    /// The pure fold could not read the record; it took its sequence all the same.
    Parked(Sequence),
}

impl Outcome {
    pub const fn sequence(&self) -> Option<Sequence> {
        match self {
            Self::Applied(sequence) | Self::Parked(sequence) => Some(*sequence),
            Self::Refused(_) | Self::Duplicate { .. } => None,
        }
    }

    /// What the record's counter was first answered with: unwraps `Duplicate`.
    pub fn first(&self) -> &Self {
        match self {
            Self::Duplicate { first, .. } => first,
            Self::Applied(_) | Self::Refused(_) | Self::Parked(_) => self,
        }
    }
}

/// First eight bytes of a digest: what a sender row keeps to tell a retry from a cloned store.
pub fn digest_prefix(digest: &Digest) -> [u8; 8] {
    let mut prefix = [0; 8];
    for (to, from) in prefix.iter_mut().zip(digest.as_bytes()) {
        *to = *from;
    }
    prefix
}
