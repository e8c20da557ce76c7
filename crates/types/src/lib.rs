//! Ids, time, sizes, outcomes and limits: the words that every other crate speaks.
//!
//! Pure data, WASM-safe, no I/O, no clock, no randomness. Ids of accounts, devices and
//! conversations print redacted under `Debug`, so that no log or span can hold one whole;
//! `Display` shows them to the person they belong to.

pub mod envelope;
pub mod id;
pub mod limits;
pub mod outcome;
pub mod time;

pub use envelope::{Bucket, BucketClass, ControlKind, Header, RecordKind};
pub use id::{
    AccountId, ClaimId, ControlHash, ConversationId, DeviceId, Digest, GroupId, HeadHash, IdError,
    KeyPackageRef, LogId, ServerId, WelcomeRef,
};
pub use outcome::{Outcome, RefuseReason};
pub use time::{Millis, Stamp};

use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(
            feature = "serde",
            derive(serde::Serialize, serde::Deserialize),
            serde(transparent)
        )]
        pub struct $name(pub $inner);

        impl $name {
            /// The number that follows; saturates at the type's end.
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// Dense number of a record in a conversation, from 1; 0 means "before the first".
    Sequence(u64)
}
number! {
    /// A device's gapless number of a record it submits to one conversation, from 1.
    Counter(u64)
}
number! {
    /// MLS epoch of one incarnation (RFC 9420, section 2), from 0.
    Epoch(u64)
}
number! {
    /// Which MLS group of a conversation's chain, from 0; grows by one with each `reset`.
    Incarnation(u32)
}
number! {
    /// Log partition, `0..P`.
    PartitionId(u32)
}
number! {
    /// Position in a log partition. Grows, may have gaps, is provenance only.
    Offset(u64)
}
number! {
    /// Version of the judge's rules that a conversation runs under, from 1.
    JudgeVersion(u32)
}
