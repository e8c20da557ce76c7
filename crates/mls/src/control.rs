//! The judge's control state: which leaves left, were revoked or are asked for, with the signed
//! records that say so. It belongs to the conversation, changes only by chained records, is handed
//! to a joiner with the tree, and is covered by the head hash.
//!
//! `accept` and `decline` do not change it: they say whether an invited device wants what is
//! delivered to it, which is a matter of delivery and of the sender's next envelope. Nothing that
//! the judge decides depends on it, and the records themselves are chained like any other.

use std::collections::BTreeMap;

use thiserror::Error;
use xchat_crypto::{ControlError, SignedControl, derive};
use xchat_types::{
    AccountId, ControlHash, ControlKind, DeviceId, Header, JudgeVersion, RefuseReason,
};

use crate::{
    canonical::{NotCanonical, Reader, Writer},
    credential::{Leaf, LeafIndex},
};

/// A leaf that is out of the delivery and sender lists, and that a commit is to remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departure {
    pub index: LeafIndex,
    /// What said so.
    pub record: SignedControl,
}

/// Canonical encoding: `[1, [[device, leaf index, signed record], …]]`, devices in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControlState {
    departures: BTreeMap<DeviceId, Departure>,
}

/// What a control record does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlEffect {
    pub next: ControlState,
    pub kind: ControlKind,
    /// Who signed it.
    pub signer: Leaf,
    /// Leaves that are out from here on.
    pub departed: Vec<Leaf>,
}

/// Why a control record changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ControlRefusal {
    #[error("the control record does not hold")]
    Record(#[from] ControlError),
    #[error("the control record says something else than its header")]
    Header,
    #[error("the signer has no leaf, or has left")]
    NotMember,
    #[error("control records of this kind are not decided by this version")]
    Unsupported(ControlKind),
    #[error("the control record says more than its kind may")]
    Detail,
}

impl ControlRefusal {
    pub const fn reason(self) -> RefuseReason {
        match self {
            Self::Record(ControlError::TooLarge) => RefuseReason::TooLarge,
            Self::NotMember => RefuseReason::NotMember,
            Self::Record(ControlError::Malformed(_) | ControlError::BadSignature)
            | Self::Header
            | Self::Unsupported(_)
            | Self::Detail => RefuseReason::InvalidHandshake,
        }
    }
}

const LAYOUT: u64 = 1;

impl ControlState {
    /// Whether the device has a leaf that is no longer a member's.
    pub fn has_departed(&self, device: &DeviceId) -> bool {
        self.departures.contains_key(device)
    }

    /// What commits are asked to remove, by device.
    pub fn departures(&self) -> impl Iterator<Item = (&DeviceId, &Departure)> {
        self.departures.iter()
    }

    /// Decides a control record, in its place in the conversation. `leaves` are those of the
    /// group's current epoch. Pure; the same on server and clients.
    ///
    /// `leave` is a person's: all leaves of the signer's account depart.
    pub fn apply(
        &self,
        header: &Header,
        signed: &SignedControl,
        leaves: &[Leaf],
    ) -> Result<ControlEffect, ControlRefusal> {
        let signer = *leaves
            .iter()
            .find(|leaf| leaf.device == header.sender)
            .filter(|leaf| !self.has_departed(&leaf.device))
            .ok_or(ControlRefusal::NotMember)?;
        let record = signed.verify(&signer.key)?;
        let envelope = (
            record.conversation,
            record.incarnation,
            record.counter,
            record.created_at,
        ) == (
            header.conversation,
            header.incarnation,
            header.counter,
            header.created_at,
        );
        if !envelope || record.device != signer.device || record.account != signer.account {
            return Err(ControlRefusal::Header);
        }
        if !record.certificates.is_empty() || !record.detail.is_empty() {
            return Err(ControlRefusal::Detail);
        }
        let departed = match record.kind {
            ControlKind::Accept | ControlKind::Decline => Vec::new(),
            ControlKind::Leave => self.remaining(leaves, &signer.account),
            ControlKind::Revoke
            | ControlKind::Readd
            | ControlKind::Objection
            | ControlKind::Reset => return Err(ControlRefusal::Unsupported(record.kind)),
        };
        let mut next = self.clone();
        for leaf in &departed {
            let departure = Departure {
                index: leaf.index,
                record: signed.clone(),
            };
            next.departures.insert(leaf.device, departure);
        }
        Ok(ControlEffect {
            next,
            kind: record.kind,
            signer,
            departed,
        })
    }

    fn remaining(&self, leaves: &[Leaf], account: &AccountId) -> Vec<Leaf> {
        leaves
            .iter()
            .filter(|leaf| leaf.account == *account && !self.has_departed(&leaf.device))
            .copied()
            .collect()
    }

    /// The state after a commit removed these leaves: what was asked for is done.
    pub(crate) fn without(&self, removed: &[Leaf]) -> Self {
        let mut next = self.clone();
        next.departures
            .retain(|_, departure| !removed.iter().any(|leaf| leaf.index == departure.index));
        next
    }

    pub(crate) fn asks_to_remove(&self, leaf: &Leaf) -> bool {
        self.departures
            .get(&leaf.device)
            .is_some_and(|departure| departure.index == leaf.index)
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.array(2).uint(LAYOUT).array(self.departures.len());
        for (device, departure) in &self.departures {
            writer.array(3).bytes(device.as_bytes());
            writer.uint(departure.index.0.into());
            writer.bytes(&departure.record.to_bytes());
        }
        writer.into_bytes()
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotCanonical> {
        let mut reader = Reader::new(bytes);
        reader.tuple(2)?;
        reader.key(LAYOUT)?;
        let mut departures: BTreeMap<DeviceId, Departure> = BTreeMap::new();
        for _ in 0..reader.array()? {
            reader.tuple(3)?;
            let device: DeviceId = reader.fixed()?;
            let index = LeafIndex(reader.number()?);
            let record = SignedControl::from_bytes(reader.bytes()?).map_err(|_| NotCanonical)?;
            if departures
                .last_key_value()
                .is_some_and(|(last, _)| *last >= device)
            {
                return Err(NotCanonical);
            }
            departures.insert(device, Departure { index, record });
        }
        reader.finish()?;
        Ok(Self { departures })
    }
}

/// What the head chain hashes of the control state and of the version that the judge runs under.
pub fn control_hash(state: &ControlState, version: JudgeVersion) -> ControlHash {
    derive::control_hash(version, &state.to_bytes())
}
