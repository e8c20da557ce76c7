//! The state that a record is folded into.

use std::collections::BTreeMap;

use xchat_mls::Snapshot;
use xchat_types::{ConversationId, DeviceId, RecordKind};

use super::{GroupHead, Head, Members, Place, Record, Sender};

/// A conversation as far as it is at hand. Head and members always are; a sender row and the group
/// only when a record needs them, see [`Conversation::lacks`].
#[derive(Clone, Debug, PartialEq)]
pub struct Conversation {
    pub id: ConversationId,
    pub head: Head,
    pub members: Members,
    /// A device without a row in the store stands here with an empty one.
    pub senders: BTreeMap<DeviceId, Sender>,
    /// The group of the head's epoch.
    pub group: Option<Snapshot>,
}

/// What must be read before a record can be folded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lack {
    pub sender: Option<DeviceId>,
    pub group: bool,
}

impl Conversation {
    /// One of which nothing is known.
    pub fn unborn(id: ConversationId) -> Self {
        Self {
            id,
            head: Head::unborn(&id),
            members: Members::default(),
            senders: BTreeMap::new(),
            group: None,
        }
    }

    pub fn has_folded(&self, place: Place) -> bool {
        place.is_folded_by(self.head.checkpoint)
    }

    pub fn lacks(&self, record: &Record) -> Lack {
        let sender = record.header.sender;
        let needs_group = match record.header.kind {
            RecordKind::CommitBundle => self.commits_next(record),
            RecordKind::Control => true,
            RecordKind::Genesis | RecordKind::Application => false,
        };
        Lack {
            sender: (!self.senders.contains_key(&sender)).then_some(sender),
            group: needs_group && self.head.group.is_some() && self.group.is_none(),
        }
    }

    /// Whether a commit is for the current epoch, so that the judge will see it.
    pub(super) fn commits_next(&self, record: &Record) -> bool {
        self.head
            .group
            .as_ref()
            .is_some_and(|group| is_current(group, record))
    }
}

pub fn is_current(group: &GroupHead, record: &Record) -> bool {
    (group.incarnation, group.epoch) == (record.header.incarnation, record.header.epoch)
}
