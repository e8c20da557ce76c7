//! The head chain: what every record is held against before anything of it counts.

use xchat_crypto::envelope::{HeadLink, head_hash, head_hash_start};
use xchat_mls::{ControlState, control_hash};
use xchat_types::Sequence;

use super::{Conversation, Record};
use crate::event::{SecurityEvent, Suspension};

/// Why a record is not applied and nothing after it either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// What was received does not hold.
    Untrusted(SecurityEvent),
    Suspend(Suspension),
    /// It will be applied once the device's clock is right.
    Clock,
}

impl Conversation {
    /// That the head hash the server told follows from the one before and from the record, with
    /// the control state as it is after it. After a rollback the first one is taken as told.
    pub(super) fn check_chain(
        &self,
        record: &Record,
        control_after: &ControlState,
    ) -> Result<(), Stop> {
        let previous = match self.row.head_hash {
            Some(hash) => hash,
            None if self.row.cursor == Sequence(0) => head_hash_start(&self.id),
            None => return Ok(()),
        };
        let link = HeadLink {
            sequence: record.sequence,
            appended_at: record.appended_at,
            accepted_at: record.accepted_at,
            bucket: record.bucket,
            control_hash: control_hash(control_after, self.row.judge),
            digest: record.digest,
        };
        if head_hash(&previous, &link) == record.head_hash {
            Ok(())
        } else {
            Err(Stop::Untrusted(SecurityEvent::HeadHash {
                sequence: record.sequence,
            }))
        }
    }
}
