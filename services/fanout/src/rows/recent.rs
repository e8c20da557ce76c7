//! `conversations`, kind recent.

use bytes::Bytes;
use xchat_mls::ControlState;
use xchat_proto::{Message, Required, convert, events};
use xchat_types::{Epoch, HeadHash, JudgeVersion, Millis, Outcome, Stamp};

use super::{Damaged, Row};
use crate::domain::{Recent, recent::Judged};

impl From<&Recent> for events::RecentRow {
    fn from(recent: &Recent) -> Self {
        let hash = |hash: &Option<HeadHash>| hash.as_ref().map(convert::id_bytes);
        let judged = recent.judged.as_ref();
        Self {
            stamp: recent.stamp.0,
            appended_at_ms: recent.appended_at.0,
            digest_prefix: Bytes::copy_from_slice(&recent.digest_prefix),
            outcome: Some((&recent.outcome).into()),
            head_hash: hash(&recent.head_hash).unwrap_or_default(),
            previous_head_hash: hash(&recent.previous_head_hash).unwrap_or_default(),
            judge_version: judged.map_or(0, |judged| judged.version.0),
            control_state: judged
                .map(|judged| judged.control.to_bytes().into())
                .unwrap_or_default(),
            as_snapshot: recent.as_snapshot,
            group_states_below: recent.group_states_below.map(|epoch| epoch.0),
        }
    }
}

impl TryFrom<&events::RecentRow> for Recent {
    type Error = Damaged;

    fn try_from(row: &events::RecentRow) -> Result<Self, Damaged> {
        let outcome = row.outcome.as_ref().required("outcome")?;
        let judged = (row.judge_version > 0).then(|| {
            Ok::<_, Damaged>(Judged {
                version: JudgeVersion(row.judge_version),
                control: ControlState::from_bytes(&row.control_state)?,
            })
        });
        Ok(Self {
            stamp: Stamp(row.stamp),
            appended_at: Millis(row.appended_at_ms),
            digest_prefix: convert::digest_prefix(&row.digest_prefix)?,
            outcome: Outcome::try_from(outcome)?,
            head_hash: hash(&row.head_hash, "head_hash")?,
            previous_head_hash: hash(&row.previous_head_hash, "previous_head_hash")?,
            judged: judged.transpose()?,
            as_snapshot: row.as_snapshot,
            group_states_below: row.group_states_below.map(Epoch),
        })
    }
}

fn hash(bytes: &Bytes, field: &'static str) -> Result<Option<HeadHash>, Damaged> {
    if bytes.is_empty() {
        return Ok(None);
    }
    Ok(Some(convert::id(bytes, field)?))
}

impl Row for Recent {
    fn encode(&self) -> Bytes {
        events::RecentRow::from(self).encode_to_vec().into()
    }

    fn decode(bytes: &Bytes) -> Result<Self, Damaged> {
        Self::try_from(&events::RecentRow::decode(bytes.clone())?)
    }
}
