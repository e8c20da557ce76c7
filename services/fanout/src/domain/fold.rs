//! The function itself.

use std::panic::{AssertUnwindSafe, catch_unwind};

use thiserror::Error;
use xchat_mls::SnapshotError;
use xchat_types::JudgeVersion;

use super::{
    Conversation, Effects, Logged, Record,
    decide::{Decision, decide},
    settle::settle,
};

/// The next state, and what the outside sees of the record.
#[derive(Clone, Debug)]
pub struct Folded {
    pub conversation: Conversation,
    pub effects: Effects,
}

/// The fold must not go on: skipping the record, or guessing, would fork the conversation.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Stop {
    #[error("the conversation runs under judge version {0}, which this build does not know")]
    UnknownJudge(JudgeVersion),
    #[error("the stored group can't be used: {0}")]
    Group(SnapshotError),
    #[error("the {0} that the record needs is not at hand")]
    NotLoaded(&'static str),
    #[error("what is stored of the record does not fit it: {0}")]
    Contradiction(&'static str),
}

/// Folds the record that follows the conversation's checkpoint.
///
/// A record that can't be read, or on which a decision panics, is parked: it takes its sequence,
/// so that one bad record never stands in the way of those behind it.
pub fn fold(conversation: Conversation, logged: &Logged) -> Result<Folded, Stop> {
    fold_by(conversation, logged, decide)
}

type Decide = fn(&Conversation, &Logged, &Record) -> Result<Decision, Stop>;

fn fold_by(conversation: Conversation, logged: &Logged, decide: Decide) -> Result<Folded, Stop> {
    let record = Record::decode(&logged.conversation, &logged.bytes).ok();
    let decision = match &record {
        None => Decision::Parked,
        Some(record) => catch_unwind(AssertUnwindSafe(|| decide(&conversation, logged, record)))
            .unwrap_or(Ok(Decision::Parked))?,
    };
    settle(conversation, logged, record.as_ref(), decision)
}

#[cfg(test)]
mod tests;
