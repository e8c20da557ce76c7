//! What the outside sees of a folded record.
//!
//! Computed from the record, its [`Recent`] row and the members' spans, by the fold and by a
//! replay alike: so a worker that skips a decision carries out the same effects.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use xchat_mls::{ControlState, Snapshot, WelcomeBytes};
use xchat_types::{
    Bucket, Counter, DeviceId, Digest, Epoch, HeadHash, Header, Incarnation, JudgeVersion, Millis,
    Outcome, Sequence, Stamp, WelcomeRef, outcome::digest_prefix,
};

use super::{
    Head, Logged, Members, Recent, Record,
    decide::{Change, Commit},
    head::FIRST_JUDGE,
    member::MARKED_DEVICES,
    recent::Judged,
};

/// Rows to write once, what to delete, whom to tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Effects {
    /// Of the record: every write and delete carries it.
    pub stamp: Stamp,
    pub envelope: Option<Envelope>,
    /// `None` for a record without one: expired, parked, or not applied.
    pub payload: Option<Bytes>,
    pub group_state: Option<GroupState>,
    pub welcomes: Vec<Invitation>,
    /// Group states of an incarnation below this epoch.
    pub obsolete: Option<(Incarnation, Epoch)>,
    /// Devices that get the envelope, its sender among them.
    pub audience: Vec<DeviceId>,
    /// The sequence that their marks get, if they get marks.
    pub marked: Option<Sequence>,
    pub told: Option<Told>,
}

/// A record in its place in the conversation, without its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    pub sequence: Sequence,
    /// `None` if it can't be read.
    pub header: Option<Header>,
    pub digest: Digest,
    pub appended_at: Millis,
    pub accepted_at: Millis,
    pub bucket: Option<Bucket>,
    /// Of the chain after it.
    pub head_hash: HeadHash,
    pub parked: bool,
}

/// How to come to the group of an epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupState {
    pub incarnation: Incarnation,
    pub epoch: Epoch,
    pub form: GroupForm,
}

#[derive(Clone, Debug, PartialEq)]
pub enum GroupForm {
    Snapshot(Box<Founded>),
    /// The commit that led here, with what the judge was given beside it.
    Handshake {
        header: Header,
        bundle: Bytes,
        appended_at: Millis,
        judged: Judged,
    },
}

/// A group and the link of the record that made its epoch, for those who join there.
#[derive(Clone, Debug, PartialEq)]
pub struct Founded {
    pub snapshot: Snapshot,
    /// After the record.
    pub control: ControlState,
    pub judge: JudgeVersion,
    pub previous_head_hash: HeadHash,
    pub sequence: Sequence,
    pub appended_at: Millis,
    pub accepted_at: Millis,
    pub digest: Digest,
}

/// A welcome for one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    pub device: DeviceId,
    pub reference: WelcomeRef,
    pub incarnation: Incarnation,
    pub epoch: Epoch,
    /// Of the commit.
    pub sequence: Sequence,
    pub head_hash: HeadHash,
    pub welcome: WelcomeBytes,
}

/// An outcome that no stub tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub device: DeviceId,
    pub counter: Counter,
    pub outcome: Outcome,
    /// Of the record that was submitted, which may be another than the first of its counter.
    pub digest_prefix: [u8; 8],
}

/// What the effects of a record are made from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sources<'a> {
    pub members: &'a Members,
    pub logged: &'a Logged,
    pub record: Option<&'a Record>,
    pub recent: &'a Recent,
    /// Handshakes need theirs; of others it may be absent.
    pub change: Option<&'a Change>,
}

impl Effects {
    pub(super) fn of(from: Sources<'_>) -> Self {
        let mut effects = Self {
            stamp: from.recent.stamp,
            envelope: from.envelope(),
            payload: None,
            group_state: None,
            welcomes: Vec::new(),
            obsolete: None,
            audience: Vec::new(),
            marked: None,
            told: None,
        };
        if let (Some(envelope), Some(record)) = (&effects.envelope, from.record) {
            let there = !envelope.parked && !record.is_tombstone(from.logged.appended_at);
            effects.payload = there.then(|| record.payload.clone());
            effects.group_state = from.group_state(record, envelope);
            effects.welcomes = from.welcomes(record, envelope);
            effects.obsolete = from
                .recent
                .group_states_below
                .map(|epoch| (record.header.incarnation, epoch));
        }
        if let Some(envelope) = &effects.envelope {
            effects.audience = from.members.audience(envelope.sequence).collect();
            let few = effects.audience.len() <= MARKED_DEVICES;
            effects.marked = few.then_some(envelope.sequence);
        }
        effects.told = from.told(&effects.audience);
        effects
    }

    /// For a record of which nothing is known any more but that it was folded: a mark at the head
    /// makes every device that is in look for itself.
    pub fn remind(members: &Members, head: &Head) -> Self {
        let audience: Vec<_> = members.audience(head.sequence).collect();
        let few = audience.len() <= MARKED_DEVICES;
        Self {
            stamp: head.stamp,
            envelope: None,
            payload: None,
            group_state: None,
            welcomes: Vec::new(),
            obsolete: None,
            audience,
            marked: few.then_some(head.sequence),
            told: None,
        }
    }
}

impl Sources<'_> {
    fn envelope(&self) -> Option<Envelope> {
        let appended_at = self.logged.appended_at;
        Some(Envelope {
            sequence: self.recent.outcome.sequence()?,
            header: self.record.map(|record| record.header),
            digest: self.digest(),
            appended_at,
            accepted_at: self.record.map_or(appended_at, |record| record.accepted_at),
            bucket: self.record.and_then(|record| record.bucket),
            head_hash: self.recent.head_hash?,
            parked: matches!(self.recent.outcome, Outcome::Parked(_)),
        })
    }

    fn digest(&self) -> Digest {
        digest_of(self.logged, self.record)
    }

    /// The sender's own stub tells that a record was applied, in its place in the order. Everything
    /// else is told, also an applied record that its sender is no more delivered: a `decline`.
    fn told(&self, audience: &[DeviceId]) -> Option<Told> {
        let record = self.record?;
        let sender = record.header.sender;
        let applied = matches!(self.recent.outcome, Outcome::Applied(_));
        let stub = applied && audience.contains(&sender);
        (!stub).then(|| Told {
            device: sender,
            counter: record.header.counter,
            outcome: self.recent.outcome.clone(),
            digest_prefix: digest_prefix(&record.digest),
        })
    }

    fn group_state(&self, record: &Record, envelope: &Envelope) -> Option<GroupState> {
        let (epoch, form) = match self.change? {
            Change::Born(born) => {
                let (control, judge) = (ControlState::default(), FIRST_JUDGE);
                (
                    Epoch(0),
                    self.founded(envelope, &born.snapshot, control, judge)?,
                )
            }
            Change::Committed(commit) => {
                let judged = self.recent.judged.clone()?;
                (
                    commit.effect.epoch,
                    self.committed(record, envelope, commit, judged)?,
                )
            }
            Change::Said { .. } | Change::Controlled(_) => return None,
        };
        Some(GroupState {
            incarnation: record.header.incarnation,
            epoch,
            form,
        })
    }

    fn committed(
        &self,
        record: &Record,
        envelope: &Envelope,
        commit: &Commit,
        judged: Judged,
    ) -> Option<GroupForm> {
        if self.recent.as_snapshot {
            let control = commit.effect.control.clone();
            return self.founded(envelope, &commit.next, control, judged.version);
        }
        Some(GroupForm::Handshake {
            header: record.header,
            bundle: record.payload.clone(),
            appended_at: self.logged.appended_at,
            judged,
        })
    }

    fn founded(
        &self,
        envelope: &Envelope,
        snapshot: &Snapshot,
        control: ControlState,
        judge: JudgeVersion,
    ) -> Option<GroupForm> {
        Some(GroupForm::Snapshot(Box::new(Founded {
            snapshot: snapshot.clone(),
            control,
            judge,
            previous_head_hash: self.recent.previous_head_hash?,
            sequence: envelope.sequence,
            appended_at: envelope.appended_at,
            accepted_at: envelope.accepted_at,
            digest: envelope.digest,
        })))
    }

    fn welcomes(&self, record: &Record, envelope: &Envelope) -> Vec<Invitation> {
        let Some(Change::Committed(commit)) = self.change else {
            return Vec::new();
        };
        let invite = |added: &xchat_mls::Added| Invitation {
            device: added.leaf.device,
            reference: added.welcome_ref,
            incarnation: record.header.incarnation,
            epoch: commit.effect.epoch,
            sequence: envelope.sequence,
            head_hash: envelope.head_hash,
            welcome: added.welcome.clone(),
        };
        commit.effect.added.iter().map(invite).collect()
    }
}

/// The digest that the chain takes: the device's, or, where that can't be read, the hash of the
/// bytes under a label of its own.
pub(super) fn digest_of(logged: &Logged, record: Option<&Record>) -> Digest {
    record.map_or_else(
        || {
            let hash = Sha256::new()
                .chain_update(b"xchat-parked-v1")
                .chain_update(&logged.bytes);
            Digest::new(hash.finalize().into())
        },
        |record| record.digest,
    )
}
