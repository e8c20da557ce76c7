//! Genesis and commits: the first that the judge accepts for an epoch wins.

use xchat_mls::{
    Accepted, AcceptedGenesis, Case, CommitBundle, Genesis, JudgeError, Snapshot, judge,
    judge_genesis,
};
use xchat_types::{Incarnation, Millis, RefuseReason};

use super::{Change, Commit, Halt};
use crate::domain::{
    Conversation, GroupHead, Logged, Record, conversation::is_current, fold::Stop,
    head::FIRST_JUDGE, recent::Judged,
};

pub(super) fn genesis(
    conversation: &Conversation,
    logged: &Logged,
    record: &Record,
) -> Result<Change, Halt> {
    if conversation.head.group.is_some() || record.header.incarnation != Incarnation(0) {
        return Err(RefuseReason::InvalidHandshake.into());
    }
    let genesis =
        Genesis::from_bytes(&record.payload).map_err(|_| RefuseReason::InvalidHandshake)?;
    let accepted = judge_first(record, &genesis, logged.appended_at)?;
    Ok(Change::Born(Box::new(accepted)))
}

pub(super) fn commit(
    conversation: &Conversation,
    group: &GroupHead,
    logged: &Logged,
    record: &Record,
) -> Result<Change, Halt> {
    if !is_current(group, record) {
        return Err(RefuseReason::StaleEpoch.into());
    }
    let bundle =
        CommitBundle::from_bytes(&record.payload).map_err(|_| RefuseReason::InvalidHandshake)?;
    let snapshot = conversation
        .group
        .as_ref()
        .ok_or(Halt::Stop(Stop::NotLoaded("group")))?;
    let judged = Judged::of(group);
    let accepted = judge_commit(snapshot, &judged, record, &bundle, logged.appended_at)?;
    Ok(Change::Committed(Box::new(Commit::of(accepted, record))))
}

/// The judge on a genesis.
pub fn judge_first(
    record: &Record,
    genesis: &Genesis,
    appended_at: Millis,
) -> Result<AcceptedGenesis, JudgeError> {
    judge_genesis(FIRST_JUDGE, &record.header, genesis, appended_at)
}

/// The judge on a commit, given what stood beside it at its position.
pub fn judge_commit(
    snapshot: &Snapshot,
    judged: &Judged,
    record: &Record,
    bundle: &CommitBundle,
    appended_at: Millis,
) -> Result<Accepted, JudgeError> {
    judge(
        snapshot,
        &Case {
            version: judged.version,
            header: &record.header,
            control: &judged.control,
            bundle,
            appended_at,
        },
    )
}
