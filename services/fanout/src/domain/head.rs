//! Where the fold of a conversation stands.

use xchat_crypto::envelope::head_hash_start;
use xchat_mls::{ControlState, control_hash};
use xchat_types::{
    ControlHash, ConversationId, DeviceId, Epoch, HeadHash, Incarnation, JudgeVersion, Millis,
    Sequence, Stamp, limits::MAX_EPOCH_AGE,
};

use super::{Member, Place, Recent, Sender};

/// The version that a conversation is born under. A later one is switched on by a record in the
/// conversation, never by a deploy.
pub const FIRST_JUDGE: JudgeVersion = JudgeVersion(1);

/// The row that names everything else: what lies above its sequence or epoch does not exist yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Write timestamp of the last mutation; strictly growing.
    pub stamp: Stamp,
    /// The last folded record; `None` before the first.
    pub checkpoint: Option<Place>,
    pub sequence: Sequence,
    pub hash: HeadHash,
    /// `None` until a genesis is applied.
    pub group: Option<GroupHead>,
    /// What the last mutation changed; `None` before the first.
    pub redo: Option<Redo>,
}

/// The rows that the head's own mutation changed beside the head, under the head's stamp.
///
/// A quorum store may tear that one batch and then heal only the rows a reader asks for. Whoever
/// meets a head that it did not itself get acknowledged writes this again before it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redo {
    pub sender: Option<(DeviceId, Sender)>,
    pub members: Vec<(DeviceId, Member)>,
    /// Its key is the head's checkpoint.
    pub recent: Recent,
}

/// The MLS group, as far as the fold's rules need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupHead {
    pub incarnation: Incarnation,
    pub epoch: Epoch,
    /// Application envelopes of older epochs are stale.
    pub oldest_epoch: Epoch,
    pub judge: JudgeVersion,
    pub control: ControlState,
    pub commits_since_snapshot: u32,
    pub bytes_since_snapshot: u64,
    /// Snapshots that will let older group states go, at most one a day.
    pub aging: Vec<(Epoch, Millis)>,
}

/// A snapshot is written with every commit that adds, else at one of these.
const SNAPSHOT_COMMITS: u32 = 16;
const SNAPSHOT_BYTES: u64 = 256 * 1024;
/// Group states are deleted this long after a newer snapshot: a welcome lives 30 days.
const GROUP_STATES_KEPT_MS: u64 = 31 * 24 * 3_600_000;
const AGING_STEP_MS: u64 = 24 * 3_600_000;

impl Head {
    pub fn unborn(conversation: &ConversationId) -> Self {
        Self {
            stamp: Stamp(0),
            checkpoint: None,
            sequence: Sequence(0),
            hash: head_hash_start(conversation),
            group: None,
            redo: None,
        }
    }

    /// What the chain says of control state and judge.
    pub fn control_hash(&self) -> ControlHash {
        self.group.as_ref().map_or_else(
            || control_hash(&ControlState::default(), FIRST_JUDGE),
            |group| control_hash(&group.control, group.judge),
        )
    }
}

impl GroupHead {
    /// Epoch 0, whose snapshot is written with the genesis.
    pub fn born(incarnation: Incarnation, at: Millis) -> Self {
        Self {
            incarnation,
            epoch: Epoch(0),
            oldest_epoch: Epoch(0),
            judge: FIRST_JUDGE,
            control: ControlState::default(),
            commits_since_snapshot: 0,
            bytes_since_snapshot: 0,
            aging: vec![(Epoch(0), at)],
        }
    }

    /// Whether an application envelope of this epoch can still be read by everybody it is
    /// delivered to: at most three epochs old, and nobody came or went since.
    pub fn reads(&self, incarnation: Incarnation, epoch: Epoch) -> bool {
        incarnation == self.incarnation && self.oldest_epoch <= epoch && epoch <= self.epoch
    }

    /// Somebody came or went: what was encrypted for the old list is stale.
    pub fn close_old_epochs(&mut self) {
        self.oldest_epoch = self.epoch;
    }

    /// Whether a commit of this size is stored as a snapshot: a rule on record and head alone, so
    /// that a replay decides the same.
    pub const fn takes_snapshot(&self, adds: bool, bytes: u64) -> bool {
        adds || self.commits_since_snapshot + 1 >= SNAPSHOT_COMMITS
            || self.bytes_since_snapshot.saturating_add(bytes) >= SNAPSHOT_BYTES
    }

    /// Moves to the epoch that a commit of this size has made.
    pub fn advance(&mut self, changes_members: bool, snapshot: bool, bytes: u64, at: Millis) {
        self.epoch = self.epoch.next();
        if changes_members {
            self.close_old_epochs();
        }
        let oldest = Epoch(self.epoch.0.saturating_sub(MAX_EPOCH_AGE));
        self.oldest_epoch = self.oldest_epoch.max(oldest);
        if !snapshot {
            self.commits_since_snapshot = self.commits_since_snapshot.saturating_add(1);
            self.bytes_since_snapshot = self.bytes_since_snapshot.saturating_add(bytes);
            return;
        }
        self.commits_since_snapshot = 0;
        self.bytes_since_snapshot = 0;
        let due = self
            .aging
            .last()
            .is_none_or(|(_, last)| last.until(at) >= AGING_STEP_MS);
        if due {
            self.aging.push((self.epoch, at));
        }
    }

    /// Forgets aged snapshots; the epoch below which no group state is needed any more.
    pub fn age(&mut self, now: Millis) -> Option<Epoch> {
        let aged = self
            .aging
            .iter()
            .rposition(|(_, at)| at.until(now) >= GROUP_STATES_KEPT_MS)?;
        if aged == 0 {
            return None;
        }
        self.aging.drain(..aged);
        self.aging.first().map(|(epoch, _)| *epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 3_600_000;

    #[test]
    fn a_snapshot_is_written_with_an_add_every_sixteen_commits_or_every_256_kib() {
        let mut group = GroupHead::born(Incarnation(0), Millis(0));
        assert!(group.takes_snapshot(true, 1));
        for _ in 0..15 {
            assert!(!group.takes_snapshot(false, 1_000));
            group.advance(false, false, 1_000, Millis(0));
        }
        assert!(group.takes_snapshot(false, 1_000));
        group.advance(false, true, 1_000, Millis(0));
        assert!(!group.takes_snapshot(false, 256 * 1024 - 1));
        assert!(group.takes_snapshot(false, 256 * 1024));
    }

    #[test]
    fn an_envelope_may_be_three_epochs_old_unless_somebody_came_or_went() {
        let mut group = GroupHead::born(Incarnation(0), Millis(0));
        let reads = |group: &GroupHead, epoch| group.reads(Incarnation(0), Epoch(epoch));
        for _ in 0..5 {
            group.advance(false, false, 1, Millis(0));
        }
        assert!(reads(&group, 2) && reads(&group, 5));
        assert!(!reads(&group, 1) && !reads(&group, 6));
        assert!(!group.reads(Incarnation(1), Epoch(5)));
        group.advance(true, true, 1, Millis(0));
        assert!(reads(&group, 6) && !reads(&group, 5));
        group.advance(false, false, 1, Millis(0));
        assert!(reads(&group, 6));
        group.close_old_epochs();
        assert!(reads(&group, 7) && !reads(&group, 6));
    }

    #[test]
    fn group_states_go_31_days_after_a_newer_snapshot_and_never_before() {
        let mut group = GroupHead::born(Incarnation(0), Millis(0));
        group.advance(true, true, 1, Millis(DAY / 2));
        group.advance(true, true, 1, Millis(2 * DAY));
        group.advance(true, true, 1, Millis(40 * DAY));
        assert_eq!(group.age(Millis(33 * DAY - 1)), None);
        assert_eq!(group.age(Millis(33 * DAY)), Some(Epoch(2)));
        assert_eq!(group.age(Millis(33 * DAY)), None);
        assert_eq!(group.age(Millis(400 * DAY)), Some(Epoch(3)));
        assert_eq!(group.age(Millis(500 * DAY)), None);
    }
}
