//! `group_states`. The incarnation and the epoch are the key.

use bytes::Bytes;
use xchat_mls::{ControlState, Snapshot};
use xchat_proto::{Message, Required, convert, events};
use xchat_types::{Header, JudgeVersion, Millis, Sequence};

use super::{Damaged, Row};
use crate::domain::{
    effects::{Founded, GroupForm},
    recent::Judged,
};

impl Row for GroupForm {
    fn encode(&self) -> Bytes {
        use events::group_state_row::State;
        let state = match self {
            Self::Snapshot(founded) => State::Snapshot(events::GroupSnapshot::from(&**founded)),
            Self::Handshake {
                header,
                bundle,
                appended_at,
                judged,
            } => State::Handshake(events::GroupHandshake {
                header: Some(header.into()),
                commit_bundle: bundle.clone(),
                appended_at_ms: appended_at.0,
                control_state: judged.control.to_bytes().into(),
                judge_version: judged.version.0,
            }),
        };
        events::GroupStateRow { state: Some(state) }
            .encode_to_vec()
            .into()
    }

    fn decode(bytes: &Bytes) -> Result<Self, Damaged> {
        use events::group_state_row::State;
        let row = events::GroupStateRow::decode(bytes.clone())?;
        match row.state.required("state")? {
            State::Snapshot(row) => Ok(Self::Snapshot(Box::new(Founded::try_from(&row)?))),
            State::Handshake(row) => Ok(Self::Handshake {
                header: Header::try_from(row.header.as_ref().required("header")?)?,
                bundle: row.commit_bundle,
                appended_at: Millis(row.appended_at_ms),
                judged: Judged {
                    version: JudgeVersion(row.judge_version),
                    control: ControlState::from_bytes(&row.control_state)?,
                },
            }),
        }
    }
}

impl From<&Founded> for events::GroupSnapshot {
    fn from(founded: &Founded) -> Self {
        Self {
            snapshot: founded.snapshot.to_bytes().into(),
            control_state: founded.control.to_bytes().into(),
            judge_version: founded.judge.0,
            previous_head_hash: convert::id_bytes(&founded.previous_head_hash),
            sequence: founded.sequence.0,
            appended_at_ms: founded.appended_at.0,
            accepted_at_ms: founded.accepted_at.0,
            digest: convert::id_bytes(&founded.digest),
        }
    }
}

impl TryFrom<&events::GroupSnapshot> for Founded {
    type Error = Damaged;

    fn try_from(row: &events::GroupSnapshot) -> Result<Self, Damaged> {
        Ok(Self {
            snapshot: Snapshot::from_bytes(&row.snapshot)?,
            control: ControlState::from_bytes(&row.control_state)?,
            judge: JudgeVersion(row.judge_version),
            previous_head_hash: convert::id(&row.previous_head_hash, "previous_head_hash")?,
            sequence: Sequence(row.sequence),
            appended_at: Millis(row.appended_at_ms),
            accepted_at: Millis(row.accepted_at_ms),
            digest: convert::id(&row.digest, "digest")?,
        })
    }
}
