//! Control records of the peer.

use xchat_crypto::SignedControl;
use xchat_mls::{ControlEffect, ControlRefusal};
use xchat_types::{ControlKind, Header};

use super::{Conversation, Phase, Record, chain::Stop};
use crate::{
    desk::Desk,
    event::{Event, NotSent, SecurityEvent, Suspension},
};

impl Conversation {
    pub(super) fn apply_control(
        &mut self,
        desk: &mut Desk,
        record: &Record,
        header: &Header,
        payload: &[u8],
    ) -> Result<(), Stop> {
        let sequence = record.sequence;
        let refused = Stop::Untrusted(SecurityEvent::Refused { sequence });
        let signed = SignedControl::from_bytes(payload).map_err(|_| refused)?;
        let effect = self.decide_control(record, header, &signed)?;
        self.check_chain(record, &effect.next)?;
        self.row.set_control(&effect.next);
        if effect.signer.account == self.row.peer {
            self.peer_answered(desk, effect.kind);
        }
        Ok(())
    }

    pub(super) fn decide_control(
        &self,
        record: &Record,
        header: &Header,
        signed: &SignedControl,
    ) -> Result<ControlEffect, Stop> {
        let sequence = record.sequence;
        let refused = Stop::Untrusted(SecurityEvent::Refused { sequence });
        let group = self.body.as_ref().and_then(|body| body.group.as_ref());
        let leaves = group.ok_or(refused)?.members().map_err(|_| refused)?;
        let effect = self.row.control().apply(header, signed, &leaves);
        effect.map_err(|refusal| match refusal {
            // Decided by later versions; the server of such a conversation knows them.
            ControlRefusal::Unsupported(_) => Stop::Suspend(Suspension::UpdateNeeded),
            ControlRefusal::Record(_)
            | ControlRefusal::Header
            | ControlRefusal::NotMember
            | ControlRefusal::Detail => refused,
        })
    }

    fn peer_answered(&mut self, desk: &mut Desk, kind: ControlKind) {
        let (conversation, account) = (self.id, self.row.peer);
        match kind {
            ControlKind::Accept if self.row.phase == Phase::Asked => {
                self.row.phase = Phase::Open;
                desk.event(Event::RequestAccepted {
                    conversation,
                    account,
                });
            }
            ControlKind::Decline if self.row.phase == Phase::Asked => {
                self.row.phase = Phase::DeclinedByPeer;
                desk.event(Event::RequestDeclined {
                    conversation,
                    account,
                });
                self.fail_waiting(desk, NotSent::RequestDeclined);
            }
            ControlKind::Leave => {
                self.row.phase = Phase::PeerLeft;
                desk.event(Event::PeerLeft {
                    conversation,
                    account,
                });
                self.fail_waiting(desk, NotSent::PeerLeft);
            }
            ControlKind::Accept
            | ControlKind::Decline
            | ControlKind::Revoke
            | ControlKind::Readd
            | ControlKind::Objection
            | ControlKind::Reset => {}
        }
    }
}
