//! Who gets what: each device's spans of a conversation.

use std::collections::BTreeMap;

use xchat_types::{AccountId, DeviceId, Sequence};

/// How many spans a row keeps; a device that is added a fifth time forgets its first stay.
const SPANS: usize = 4;

/// Above this many devices a conversation writes no marks.
pub const MARKED_DEVICES: usize = 100;

/// One stay of a device in the delivery list: the records `joined < n ≤ left`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The record that added the device; for the creator, the one before the genesis.
    pub joined: Sequence,
    pub left: Option<Sequence>,
    /// From when on the device gets everything; `None` while it is only invited.
    pub accepted: Option<Sequence>,
    /// What an invited device gets ends here, with its one application envelope.
    pub request: Option<Sequence>,
}

impl Span {
    /// Whether a record of the conversation is delivered in this stay. Answers the same for a
    /// position whatever happened behind it, so that a replay delivers as before.
    pub fn delivers(&self, sequence: Sequence) -> bool {
        let inside = self.joined < sequence && self.left.is_none_or(|left| sequence <= left);
        let admitted = self.accepted.is_some_and(|accepted| accepted <= sequence);
        inside && (admitted || self.request.is_none_or(|request| sequence <= request))
    }

    /// The highest sequence that the device may read now.
    pub fn readable_through(&self, head: Sequence) -> Sequence {
        let through = self.left.map_or(head, |left| left.min(head));
        match (self.accepted, self.request) {
            (None, Some(request)) => through.min(request),
            (Some(_), _) | (None, None) => through,
        }
    }

    const fn is_active(&self) -> bool {
        self.left.is_none()
    }
}

/// A device that is or was in the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub account: AccountId,
    /// Oldest first; only the last can be active.
    pub spans: Vec<Span>,
}

impl Member {
    /// The stay that goes on.
    pub fn active(&self) -> Option<&Span> {
        self.spans.last().filter(|span| span.is_active())
    }

    pub fn is_invited(&self) -> bool {
        self.active().is_some_and(|span| span.accepted.is_none())
    }

    fn active_mut(&mut self) -> Option<&mut Span> {
        self.spans.last_mut().filter(|span| span.is_active())
    }
}

/// Whether a sender may go on where others have not accepted yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Some other account has accepted, or there is none.
    Given,
    /// Every other account is only invited, and one of them has not got its envelope.
    FirstEnvelope,
    Awaited,
}

/// All members of a conversation, in device order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members(pub BTreeMap<DeviceId, Member>);

impl Members {
    pub fn get(&self, device: &DeviceId) -> Option<&Member> {
        self.0.get(device)
    }

    /// Who gets the record at a sequence.
    pub fn audience(&self, sequence: Sequence) -> impl Iterator<Item = DeviceId> {
        self.0
            .iter()
            .filter(move |(_, member)| member.spans.iter().any(|span| span.delivers(sequence)))
            .map(|(device, _)| *device)
    }

    pub fn consent(&self, sender: &AccountId) -> Consent {
        let others = || {
            self.0
                .values()
                .filter(|member| member.account != *sender)
                .filter_map(Member::active)
        };
        if others().next().is_none() || others().any(|span| span.accepted.is_some()) {
            Consent::Given
        } else if others().any(|span| span.request.is_none()) {
            Consent::FirstEnvelope
        } else {
            Consent::Awaited
        }
    }

    /// Whether a device of the account is here and not only invited.
    pub fn has_accepted(&self, account: &AccountId) -> bool {
        self.0.values().any(|member| {
            member.account == *account
                && member.active().is_some_and(|span| span.accepted.is_some())
        })
    }

    /// Begins a stay behind `joined`.
    pub fn join(
        &mut self,
        device: DeviceId,
        account: AccountId,
        joined: Sequence,
        accepted: Option<Sequence>,
    ) {
        let member = self.0.entry(device).or_insert_with(|| Member {
            account,
            spans: Vec::new(),
        });
        member.account = account;
        if let Some(span) = member.active_mut() {
            span.left = Some(joined);
        }
        member.spans.push(Span {
            joined,
            left: None,
            accepted,
            request: None,
        });
        if member.spans.len() > SPANS {
            member.spans.remove(0);
        }
    }

    /// Ends the stay of a device with this record; `false` if it was not here.
    pub fn leave(&mut self, device: &DeviceId, at: Sequence) -> bool {
        let span = self.0.get_mut(device).and_then(Member::active_mut);
        span.map(|span| span.left = Some(at)).is_some()
    }

    /// Ends the stay of an account's invited devices. Returns those it changed.
    pub fn decline(&mut self, account: &AccountId, at: Sequence) -> Vec<DeviceId> {
        self.change_invited(Some(account), |span| span.left = Some(at))
    }

    /// Admits an account's invited devices. Returns those it changed.
    pub fn accept(&mut self, account: &AccountId, at: Sequence) -> Vec<DeviceId> {
        self.change_invited(Some(account), |span| span.accepted = Some(at))
    }

    /// An application envelope was applied: the first that an invited device gets is its last, and
    /// one that is too large for a request ends what it gets before it.
    pub fn close_requests(&mut self, at: Sequence, fits: bool) -> Vec<DeviceId> {
        let last = if fits {
            at
        } else {
            Sequence(at.0.saturating_sub(1))
        };
        self.change_invited(None, |span| span.request = span.request.or(Some(last)))
    }

    fn change_invited(
        &mut self,
        account: Option<&AccountId>,
        change: impl Fn(&mut Span),
    ) -> Vec<DeviceId> {
        let mut changed = Vec::new();
        for (device, member) in &mut self.0 {
            let meant = account.is_none_or(|account| member.account == *account);
            if let Some(span) = member.active_mut().filter(|_| meant)
                && span.accepted.is_none()
            {
                let before = *span;
                change(span);
                if *span != before {
                    changed.push(*device);
                }
            }
        }
        changed
    }
}
