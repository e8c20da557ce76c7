//! Rows read together with the head.

use std::collections::BTreeMap;

use xchat_ports::message_store::{RowKey, Rows};
use xchat_types::{DeviceId, Offset, PartitionId, Stamp};

use crate::{
    domain::{Head, Member, Recent, Sender},
    rows::{Damaged, Row},
};

/// What one read of a conversation's partition gave.
///
/// The rows of the head's last mutation lie over those that were read: a torn batch may stand on
/// one replica, and a read that repaired the head need not have seen its other rows.
#[derive(Clone, Debug, Default)]
pub struct View {
    pub head: Option<Head>,
    pub members: BTreeMap<DeviceId, Member>,
    pub senders: BTreeMap<DeviceId, Sender>,
    pub recents: BTreeMap<(PartitionId, Offset), Recent>,
}

impl View {
    pub fn of(rows: Rows) -> Result<Self, Damaged> {
        let mut view = Self::default();
        for (key, value) in &rows.rows {
            match *key {
                RowKey::Head => {}
                RowKey::Member(device) => {
                    view.members.insert(device, Member::decode(value)?);
                }
                RowKey::Sender(device) => {
                    view.senders.insert(device, Sender::decode(value)?);
                }
                RowKey::Recent(partition, offset) => {
                    let recent = Recent::decode(value)?;
                    view.recents.insert((partition, offset), recent);
                }
            }
        }
        view.head = rows.head.map(|(_, head)| Head::decode(&head)).transpose()?;
        view.redo();
        Ok(view)
    }

    /// The head's stamp; zero before the first mutation.
    pub fn stamp(&self) -> Stamp {
        self.head.as_ref().map_or(Stamp(0), |head| head.stamp)
    }

    fn redo(&mut self) {
        let Some(head) = &self.head else { return };
        let Some(redo) = head.redo.clone() else {
            return;
        };
        self.members.extend(redo.members);
        self.senders.extend(redo.sender);
        if let Some(place) = head.checkpoint {
            self.recents
                .insert((place.partition, place.offset), redo.recent);
        }
    }
}
