//! What a record of the log became, kept for a day under (partition, offset).

use xchat_mls::ControlState;
use xchat_types::{Epoch, HeadHash, JudgeVersion, Millis, Outcome, Stamp, outcome::digest_prefix};

use super::{GroupHead, Logged, Record, effects::digest_of};

/// Enough, with the record itself, to carry out the record's effects again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recent {
    pub stamp: Stamp,
    pub appended_at: Millis,
    /// Of the record. Another record in its place says that the log has lost what was folded.
    pub digest_prefix: [u8; 8],
    pub outcome: Outcome,
    /// After the record; applied and parked only.
    pub head_hash: Option<HeadHash>,
    /// Before the record; applied handshakes only.
    pub previous_head_hash: Option<HeadHash>,
    /// Applied commits only.
    pub judged: Option<Judged>,
    /// Applied commits only: whether the epoch is stored as a snapshot, or as the commit itself.
    pub as_snapshot: bool,
    /// Group states of lower epochs were deleted with this record.
    pub group_states_below: Option<Epoch>,
}

/// What the judge was given beside the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    pub version: JudgeVersion,
    /// Before the record.
    pub control: ControlState,
}

impl Judged {
    /// What the judge is given for the next commit of a group.
    pub fn of(group: &GroupHead) -> Self {
        Self {
            version: group.judge,
            control: group.control.clone(),
        }
    }
}

impl Recent {
    /// A day, and the hour of slack that every TTL has.
    pub const KEPT_MS: u64 = 25 * 3_600_000;

    /// Whether the record is the one that was folded.
    pub fn is_of(&self, logged: &Logged) -> bool {
        let record = Record::decode(&logged.conversation, &logged.bytes).ok();
        self.appended_at == logged.appended_at
            && self.digest_prefix == digest_prefix(&digest_of(logged, record.as_ref()))
    }

    /// Whether the row of a record appended then may be gone by now.
    pub fn may_be_gone(appended_at: Millis, now: Millis) -> bool {
        const DAY_MS: u64 = 24 * 3_600_000;
        appended_at.until(now) >= DAY_MS
    }

    pub fn expires_at(&self) -> Millis {
        self.appended_at.saturating_add(Self::KEPT_MS)
    }
}
