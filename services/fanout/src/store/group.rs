//! The group of an epoch, from the last snapshot and the commits since.

use xchat_mls::{CommitBundle, JudgeError, Snapshot, judge};
use xchat_types::{ConversationId, Epoch, Incarnation};

use super::Conversations;
use crate::{
    Error,
    domain::{Stop, effects::GroupForm},
    rows::Row,
};

/// A snapshot is written at least this often, in epochs.
const REACH: u64 = 16;

impl Conversations {
    /// Reads the group at the begin of an epoch. Its rows are written once, so it does not matter
    /// where the head stands.
    pub async fn group(
        &self,
        id: ConversationId,
        incarnation: Incarnation,
        epoch: Epoch,
    ) -> Result<Snapshot, Error> {
        let from = Epoch(epoch.0.saturating_sub(REACH));
        let rows = self
            .store
            .read_group_states(id, incarnation, from, epoch)
            .await?;
        let mut group: Option<Snapshot> = None;
        for (_, row) in &rows {
            group = match GroupForm::decode(row)? {
                GroupForm::Snapshot(founded) => Some(founded.snapshot),
                form @ GroupForm::Handshake { .. } => match group {
                    Some(group) => Some(advance(&group, &form)?),
                    None => None,
                },
            };
        }
        group
            .filter(|group| group.epoch() == epoch)
            .ok_or(Error::Missing("group state"))
    }
}

/// Applies a stored commit, which the judge accepted when it was folded.
fn advance(group: &Snapshot, form: &GroupForm) -> Result<Snapshot, Error> {
    let GroupForm::Handshake {
        header,
        bundle,
        appended_at,
        judged,
    } = form
    else {
        return Ok(group.clone());
    };
    let bundle = CommitBundle::from_bytes(bundle)
        .map_err(|_| Stop::Contradiction("a stored commit that can't be read"))?;
    let case = judge::Case {
        version: judged.version,
        header,
        control: &judged.control,
        bundle: &bundle,
        appended_at: *appended_at,
    };
    match judge::judge(group, &case) {
        Ok(accepted) => Ok(accepted.next),
        Err(JudgeError::Refused(_)) => {
            Err(Stop::Contradiction("a stored commit is refused").into())
        }
        Err(JudgeError::UnknownVersion(version)) => Err(Stop::UnknownJudge(version).into()),
        Err(JudgeError::Corrupt(cause)) => Err(Stop::Group(cause).into()),
    }
}
