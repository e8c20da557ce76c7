//! `conversations`, kind head.

use bytes::Bytes;
use xchat_mls::ControlState;
use xchat_proto::{Message, Required, convert, events};
use xchat_types::{Epoch, Incarnation, JudgeVersion, Millis, Offset, PartitionId, Sequence, Stamp};

use super::{Damaged, Row};
use crate::domain::{GroupHead, Head, Place, head::Redo};

impl From<&Place> for events::Place {
    fn from(place: &Place) -> Self {
        Self {
            log_id: convert::id_bytes(&place.log),
            partition: place.partition.0,
            offset: place.offset.0,
        }
    }
}

impl TryFrom<&events::Place> for Place {
    type Error = Damaged;

    fn try_from(place: &events::Place) -> Result<Self, Damaged> {
        Ok(Self {
            log: convert::id(&place.log_id, "log_id")?,
            partition: PartitionId(place.partition),
            offset: Offset(place.offset),
        })
    }
}

impl From<&GroupHead> for events::GroupHead {
    fn from(group: &GroupHead) -> Self {
        let aging = |(epoch, at): &(Epoch, Millis)| events::AgingSnapshot {
            epoch: epoch.0,
            appended_at_ms: at.0,
        };
        Self {
            incarnation: group.incarnation.0,
            epoch: group.epoch.0,
            oldest_epoch: group.oldest_epoch.0,
            judge_version: group.judge.0,
            control_state: group.control.to_bytes().into(),
            commits_since_snapshot: group.commits_since_snapshot,
            bytes_since_snapshot: group.bytes_since_snapshot,
            aging_snapshots: group.aging.iter().map(aging).collect(),
        }
    }
}

impl TryFrom<&events::GroupHead> for GroupHead {
    type Error = Damaged;

    fn try_from(group: &events::GroupHead) -> Result<Self, Damaged> {
        let aging =
            |aging: &events::AgingSnapshot| (Epoch(aging.epoch), Millis(aging.appended_at_ms));
        Ok(Self {
            incarnation: Incarnation(group.incarnation),
            epoch: Epoch(group.epoch),
            oldest_epoch: Epoch(group.oldest_epoch),
            judge: JudgeVersion(group.judge_version),
            control: ControlState::from_bytes(&group.control_state)?,
            commits_since_snapshot: group.commits_since_snapshot,
            bytes_since_snapshot: group.bytes_since_snapshot,
            aging: group.aging_snapshots.iter().map(aging).collect(),
        })
    }
}

impl From<&Redo> for events::Redo {
    fn from(redo: &Redo) -> Self {
        let sender = redo.sender.as_ref();
        Self {
            sender_device_id: sender
                .map(|(device, _)| convert::id_bytes(device))
                .unwrap_or_default(),
            sender: sender.map(|(_, sender)| sender.into()),
            members: redo
                .members
                .iter()
                .map(|(device, member)| events::ChangedMember {
                    device_id: convert::id_bytes(device),
                    member: Some(member.into()),
                })
                .collect(),
            recent: Some((&redo.recent).into()),
        }
    }
}

impl TryFrom<&events::Redo> for Redo {
    type Error = Damaged;

    fn try_from(redo: &events::Redo) -> Result<Self, Damaged> {
        let sender = redo.sender.as_ref().map(|sender| {
            let device = convert::id(&redo.sender_device_id, "sender_device_id")?;
            Ok::<_, Damaged>((device, sender.try_into()?))
        });
        let member = |changed: &events::ChangedMember| {
            let device = convert::id(&changed.device_id, "device_id")?;
            let member = changed.member.as_ref().required("member")?;
            Ok::<_, Damaged>((device, member.try_into()?))
        };
        Ok(Self {
            sender: sender.transpose()?,
            members: redo.members.iter().map(member).collect::<Result<_, _>>()?,
            recent: redo.recent.as_ref().required("recent")?.try_into()?,
        })
    }
}

impl Row for Head {
    fn encode(&self) -> Bytes {
        events::HeadRow {
            stamp: self.stamp.0,
            checkpoint: self.checkpoint.as_ref().map(Into::into),
            sequence: self.sequence.0,
            head_hash: convert::id_bytes(&self.hash),
            group: self.group.as_ref().map(Into::into),
            redo: self.redo.as_ref().map(Into::into),
        }
        .encode_to_vec()
        .into()
    }

    fn decode(bytes: &Bytes) -> Result<Self, Damaged> {
        let row = events::HeadRow::decode(bytes.clone())?;
        Ok(Self {
            stamp: Stamp(row.stamp),
            checkpoint: row.checkpoint.as_ref().map(Place::try_from).transpose()?,
            sequence: Sequence(row.sequence),
            hash: convert::id(&row.head_hash, "head_hash")?,
            group: row.group.as_ref().map(GroupHead::try_from).transpose()?,
            redo: row.redo.as_ref().map(Redo::try_from).transpose()?,
        })
    }
}
