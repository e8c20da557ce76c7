//! One decision a record, in a fixed order: counter, sender, size and expiry, consent, then what
//! its kind asks for.

mod application;
mod control;
mod handshake;

use xchat_mls::{Accepted, AcceptedGenesis, CommitEffect, ControlEffect, JudgeError, Snapshot};
use xchat_types::{Outcome, RecordKind, RefuseReason};

use super::{Conversation, Logged, Record, fold::Stop, sender::Turn};

pub use handshake::{judge_commit, judge_first};

/// What a record becomes.
#[derive(Clone, Debug)]
pub enum Decision {
    /// The pure fold can't read it, or failed on it.
    Parked,
    /// Its counter was seen: the first outcome and the digest prefix that came with it.
    Duplicate {
        first: Outcome,
        digest_prefix: [u8; 8],
    },
    Refused(RefuseReason),
    Applied(Change),
}

/// What an applied record changes.
#[derive(Clone, Debug)]
pub enum Change {
    Born(Box<AcceptedGenesis>),
    Committed(Box<Commit>),
    /// Whether it is small enough to be the one envelope of a request.
    Said {
        fits_request: bool,
    },
    Controlled(Box<ControlEffect>),
}

/// A commit that the judge accepted.
#[derive(Clone, Debug)]
pub struct Commit {
    pub effect: CommitEffect,
    pub next: Snapshot,
    /// Of commit and welcomes.
    pub size: u64,
}

impl Commit {
    pub(super) fn of(accepted: Accepted, record: &Record) -> Self {
        Self {
            effect: accepted.effect,
            next: accepted.next,
            size: record.payload.len() as u64,
        }
    }

    /// Whether somebody came or went.
    pub fn changes_members(&self) -> bool {
        !self.effect.added.is_empty() || !self.effect.removed.is_empty()
    }
}

/// Why no decision comes of a record: refused, or the fold must not go on.
pub(super) enum Halt {
    Refused(RefuseReason),
    Stop(Stop),
}

impl From<RefuseReason> for Halt {
    fn from(reason: RefuseReason) -> Self {
        Self::Refused(reason)
    }
}

impl From<JudgeError> for Halt {
    fn from(error: JudgeError) -> Self {
        match error {
            JudgeError::Refused(refusal) => Self::Refused(refusal.reason()),
            JudgeError::UnknownVersion(version) => Self::Stop(Stop::UnknownJudge(version)),
            JudgeError::Corrupt(cause) => Self::Stop(Stop::Group(cause)),
        }
    }
}

/// Decides a record. Needs what [`Conversation::lacks`] names to be at hand.
pub fn decide(
    conversation: &Conversation,
    logged: &Logged,
    record: &Record,
) -> Result<Decision, Stop> {
    let sender = conversation
        .senders
        .get(&record.header.sender)
        .ok_or(Stop::NotLoaded("sender row"))?;
    match sender.turn(record.header.counter) {
        Turn::Seen(answer) => Ok(Decision::Duplicate {
            first: answer.outcome.clone(),
            digest_prefix: answer.digest_prefix,
        }),
        Turn::Gap { expected } => Ok(Decision::Refused(RefuseReason::CounterGap { expected })),
        Turn::Next => match decide_next(conversation, logged, record) {
            Ok(change) => Ok(Decision::Applied(change)),
            Err(Halt::Refused(reason)) => Ok(Decision::Refused(reason)),
            Err(Halt::Stop(stop)) => Err(stop),
        },
    }
}

/// Decides a record whose turn it is.
fn decide_next(
    conversation: &Conversation,
    logged: &Logged,
    record: &Record,
) -> Result<Change, Halt> {
    if record.header.kind == RecordKind::Genesis {
        check_size(record)?;
        return handshake::genesis(conversation, logged, record);
    }
    let group = conversation
        .head
        .group
        .as_ref()
        .ok_or(RefuseReason::NotMember)?;
    let member = conversation
        .members
        .get(&record.header.sender)
        .filter(|member| member.active().is_some())
        .ok_or(RefuseReason::NotMember)?;
    check_size(record)?;
    if record.payload_expired {
        return Err(RefuseReason::Expired.into());
    }
    if member.is_invited() && record.header.kind != RecordKind::Control {
        return Err(RefuseReason::AwaitingConsent.into());
    }
    match record.header.kind {
        RecordKind::Application => {
            application::decide(group, conversation.members.consent(&member.account), record)
        }
        RecordKind::CommitBundle => handshake::commit(conversation, group, logged, record),
        RecordKind::Control => control::decide(conversation, group, member, record),
        RecordKind::Genesis => Err(RefuseReason::InvalidHandshake.into()),
    }
}

fn check_size(record: &Record) -> Result<(), RefuseReason> {
    if record.is_too_large() {
        return Err(RefuseReason::TooLarge);
    }
    Ok(())
}
