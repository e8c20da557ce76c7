//! Control records: `accept`, `decline` and `leave` are decided, the other kinds refused.

use xchat_crypto::SignedControl;
use xchat_types::{ControlKind, RefuseReason};

use super::{Change, Halt};
use crate::domain::{Conversation, GroupHead, Member, Record, fold::Stop};

pub(super) fn decide(
    conversation: &Conversation,
    group: &GroupHead,
    member: &Member,
    record: &Record,
) -> Result<Change, Halt> {
    if record.header.incarnation != group.incarnation {
        return Err(RefuseReason::StaleEpoch.into());
    }
    let signed =
        SignedControl::from_bytes(&record.payload).map_err(|_| RefuseReason::InvalidHandshake)?;
    let snapshot = conversation
        .group
        .as_ref()
        .ok_or(Halt::Stop(Stop::NotLoaded("group")))?;
    let leaves = snapshot
        .leaves()
        .map_err(|cause| Halt::Stop(Stop::Group(cause)))?;
    let effect = group
        .control
        .apply(&record.header, &signed, &leaves)
        .map_err(xchat_mls::ControlRefusal::reason)?;
    match effect.kind {
        // Who has accepted leaves; there is nothing left to decline.
        ControlKind::Decline if !member.is_invited() => Err(RefuseReason::InvalidHandshake.into()),
        ControlKind::Accept | ControlKind::Decline | ControlKind::Leave => {
            Ok(Change::Controlled(Box::new(effect)))
        }
        ControlKind::Revoke | ControlKind::Readd | ControlKind::Objection | ControlKind::Reset => {
            Err(RefuseReason::InvalidHandshake.into())
        }
    }
}
