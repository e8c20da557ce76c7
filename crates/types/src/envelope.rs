//! The clear part of an envelope.

use crate::{
    ConversationId, Counter, DeviceId, Epoch, Incarnation, Millis, Sequence,
    limits::MAX_RETENTION_MS,
};

/// What a record is. The numbers are stored and hashed: append-only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RecordKind {
    /// Public group info and tree of epoch 0 with the creator's single leaf.
    Genesis = 1,
    /// One commit and the welcomes it makes.
    CommitBundle = 2,
    /// An MLS private message. The only kind whose payload carries a bucket.
    Application = 3,
    /// A signed control record.
    Control = 4,
}

impl RecordKind {
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Genesis,
            2 => Self::CommitBundle,
            3 => Self::Application,
            4 => Self::Control,
            _ => return None,
        })
    }

    pub const fn is_handshake(self) -> bool {
        matches!(self, Self::Genesis | Self::CommitBundle)
    }
}

/// The seven control records. The numbers are stored and hashed: append-only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ControlKind {
    Accept = 1,
    Decline = 2,
    Leave = 3,
    Revoke = 4,
    Readd = 5,
    Objection = 6,
    Reset = 7,
}

impl ControlKind {
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Accept,
            2 => Self::Decline,
            3 => Self::Leave,
            4 => Self::Revoke,
            5 => Self::Readd,
            6 => Self::Objection,
            7 => Self::Reset,
            _ => return None,
        })
    }
}

/// Width of an expiry bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum BucketClass {
    /// 10 seconds, for retention of at most an hour.
    TenSeconds = 1,
    /// 5 minutes, for retention of at most a day.
    FiveMinutes = 2,
    /// 1 hour, for anything longer.
    OneHour = 3,
}

impl BucketClass {
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::TenSeconds,
            2 => Self::FiveMinutes,
            3 => Self::OneHour,
            _ => return None,
        })
    }

    pub const fn width_ms(self) -> u64 {
        match self {
            Self::TenSeconds => 10_000,
            Self::FiveMinutes => 300_000,
            Self::OneHour => 3_600_000,
        }
    }

    /// The class for a retention, which is capped at 30 days.
    pub const fn for_retention(retention_ms: u64) -> Self {
        match retention_ms {
            0..=3_600_000 => Self::TenSeconds,
            3_600_001..=86_400_000 => Self::FiveMinutes,
            _ => Self::OneHour,
        }
    }
}

/// The window at whose end a payload expires on the server (architecture, section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket {
    pub class: BucketClass,
    pub index: u64,
}

impl Bucket {
    /// How long after `accepted_at` a `created_at` may lie behind it before it counts instead.
    const CREATED_SLACK_MS: u64 = 300_000;
    const MARGIN_MS: u64 = 2_000;

    /// `ceil((t + retention + 2 s) / width)` with `t = min(accepted_at, created_at + 5 min)`.
    pub fn assign(accepted_at: Millis, created_at: Millis, retention_ms: u64) -> Self {
        let retention_ms = retention_ms.min(MAX_RETENTION_MS);
        let class = BucketClass::for_retention(retention_ms);
        let from = accepted_at.min(created_at.saturating_add(Self::CREATED_SLACK_MS));
        let end = from
            .saturating_add(retention_ms)
            .saturating_add(Self::MARGIN_MS);
        Self {
            class,
            index: end.0.div_ceil(class.width_ms()),
        }
    }

    /// When the payload's keys die and the API hides it.
    pub const fn end(self) -> Millis {
        Millis(self.index.saturating_mul(self.class.width_ms()))
    }
}

/// What a device knows of its record, in clear. `accepted_at` and the bucket are stamped by the
/// gateway and travel beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub conversation: ConversationId,
    pub incarnation: Incarnation,
    pub epoch: Epoch,
    pub sender: DeviceId,
    pub counter: Counter,
    pub kind: RecordKind,
    /// When it was encrypted, in the server's time as told in Hello.
    pub created_at: Millis,
}

/// Where a conversation's chain stands after a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainPosition {
    pub sequence: Sequence,
    pub head_hash: crate::HeadHash,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_never_ends_before_the_retention_does() {
        for (retention, class) in [
            (1_000, BucketClass::TenSeconds),
            (3_600_000, BucketClass::TenSeconds),
            (3_600_001, BucketClass::FiveMinutes),
            (86_400_001, BucketClass::OneHour),
        ] {
            let at = Millis(1_700_000_000_123);
            let bucket = Bucket::assign(at, at, retention);
            assert_eq!(bucket.class, class);
            let life = at.until(bucket.end());
            assert!(life >= retention + 2_000 && life < retention + 2_000 + class.width_ms());
        }
    }

    #[test]
    fn an_envelope_held_back_by_its_sender_or_a_gateway_expires_by_its_own_creation() {
        let created = Millis(1_700_000_000_000);
        let late = created.saturating_add(86_400_000);
        let bucket = Bucket::assign(late, created, 60_000);
        assert!(bucket.end() < late);
    }

    #[test]
    fn retention_is_capped_at_thirty_days() {
        let at = Millis(1_700_000_000_000);
        assert_eq!(
            Bucket::assign(at, at, u64::MAX),
            Bucket::assign(at, at, MAX_RETENTION_MS)
        );
    }
}
