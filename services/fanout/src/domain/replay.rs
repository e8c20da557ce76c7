//! Effects without decisions: what a record did, again.
//!
//! From the committed offset to the head, a worker that takes a partition over carries out each
//! record's effects before the offset may pass it: stores acknowledge before they sync, and a dead
//! worker marked nobody.

use xchat_mls::{CommitBundle, Genesis, JudgeError, Snapshot};
use xchat_types::{Epoch, Incarnation, Outcome, RecordKind};

use super::{
    Effects, Logged, Members, Recent, Record,
    decide::{Change, Commit, judge_commit, judge_first},
    effects::Sources,
    fold::Stop,
};

/// The group that [`replay`] needs: that of the epoch an applied commit closed.
pub fn needs_group(record: &Record, recent: &Recent) -> Option<(Incarnation, Epoch)> {
    let commit = record.header.kind == RecordKind::CommitBundle;
    let applied = matches!(recent.outcome, Outcome::Applied(_));
    (commit && applied).then_some((record.header.incarnation, record.header.epoch))
}

/// The effects of a record that was folded before. `members` may be of any later position.
pub fn replay(
    members: &Members,
    logged: &Logged,
    recent: &Recent,
    group: Option<&Snapshot>,
) -> Result<Effects, Stop> {
    let record = Record::decode(&logged.conversation, &logged.bytes).ok();
    let change = match &record {
        Some(record) if matches!(recent.outcome, Outcome::Applied(_)) => {
            rejudge(logged, record, recent, group)?
        }
        Some(_) | None => None,
    };
    Ok(Effects::of(Sources {
        members,
        logged,
        record: record.as_ref(),
        recent,
        change: change.as_ref(),
    }))
}

/// The judge is a function of its arguments: what it accepted then it accepts now.
fn rejudge(
    logged: &Logged,
    record: &Record,
    recent: &Recent,
    group: Option<&Snapshot>,
) -> Result<Option<Change>, Stop> {
    match record.header.kind {
        RecordKind::Genesis => {
            let genesis = Genesis::from_bytes(&record.payload).map_err(|_| UNREADABLE)?;
            let born = judge_first(record, &genesis, logged.appended_at).map_err(stop)?;
            Ok(Some(Change::Born(Box::new(born))))
        }
        RecordKind::CommitBundle => {
            let bundle = CommitBundle::from_bytes(&record.payload).map_err(|_| UNREADABLE)?;
            let group = group.ok_or(Stop::NotLoaded("group"))?;
            let judged = recent
                .judged
                .as_ref()
                .ok_or(Stop::Contradiction("an applied commit without its judge"))?;
            let accepted =
                judge_commit(group, judged, record, &bundle, logged.appended_at).map_err(stop)?;
            Ok(Some(Change::Committed(Box::new(Commit::of(
                accepted, record,
            )))))
        }
        RecordKind::Application | RecordKind::Control => Ok(None),
    }
}

const UNREADABLE: Stop = Stop::Contradiction("an applied handshake that can't be read");

fn stop(error: JudgeError) -> Stop {
    match error {
        JudgeError::Refused(_) => Stop::Contradiction("an applied handshake is refused"),
        JudgeError::UnknownVersion(version) => Stop::UnknownJudge(version),
        JudgeError::Corrupt(cause) => Stop::Group(cause),
    }
}
