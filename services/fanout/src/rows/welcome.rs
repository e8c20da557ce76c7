//! `welcomes`. Device and reference are the key.

use bytes::Bytes;
use xchat_mls::WelcomeBytes;
use xchat_proto::{Message, convert, events};
use xchat_types::{ConversationId, DeviceId, Epoch, Incarnation, Sequence, WelcomeRef};

use super::Damaged;
use crate::domain::effects::Invitation;

/// A welcome with the conversation it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredWelcome {
    pub conversation: ConversationId,
    pub invitation: Invitation,
}

impl StoredWelcome {
    pub fn to_row(&self) -> Bytes {
        let invitation = &self.invitation;
        events::WelcomeRow {
            conversation_id: convert::id_bytes(&self.conversation),
            incarnation: invitation.incarnation.0,
            epoch: invitation.epoch.0,
            sequence: invitation.sequence.0,
            head_hash: convert::id_bytes(&invitation.head_hash),
            welcome: Bytes::copy_from_slice(invitation.welcome.as_bytes()),
        }
        .encode_to_vec()
        .into()
    }

    pub fn from_row(device: DeviceId, reference: WelcomeRef, row: &Bytes) -> Result<Self, Damaged> {
        let row = events::WelcomeRow::decode(row.clone())?;
        Ok(Self {
            conversation: convert::id(&row.conversation_id, "conversation_id")?,
            invitation: Invitation {
                device,
                reference,
                incarnation: Incarnation(row.incarnation),
                epoch: Epoch(row.epoch),
                sequence: Sequence(row.sequence),
                head_hash: convert::id(&row.head_hash, "head_hash")?,
                welcome: WelcomeBytes::from(row.welcome.to_vec()),
            },
        })
    }
}
