//! Invitations: from a welcome to a conversation.

use xchat_crypto::envelope::{HeadLink, head_hash};
use xchat_mls::{
    ControlState, Group, RatchetTreeBytes, Suite, WelcomeBytes, control_hash, group::Invitation,
    judge,
};
use xchat_proto::{
    Required as _,
    client::{self, client_frame::Body},
    common, convert,
};
use xchat_types::{
    AccountId, Bucket, ConversationId, Epoch, HeadHash, Incarnation, JudgeVersion, Millis,
    Sequence, WelcomeRef,
};

use super::Engine;
use crate::{
    conversation::{Conversation, ConversationRow, Entry, Phase, Work},
    desk::Task,
    event::{Event, SecurityEvent, Suspension},
    link::Request,
};

/// A welcome whose tree is being fetched.
#[derive(Debug)]
pub(super) struct PendingWelcome {
    conversation: ConversationId,
    incarnation: Incarnation,
    epoch: Epoch,
    /// Of its commit.
    sequence: Sequence,
    head_hash: HeadHash,
    welcome: WelcomeBytes,
}

/// What the server says of the conversation at the commit, checked against the head hash.
struct Anchor {
    control: ControlState,
    judge: JudgeVersion,
    tree: RatchetTreeBytes,
}

impl PendingWelcome {
    pub(super) fn is_of(&self, id: &ConversationId) -> bool {
        self.conversation == *id
    }
}

impl Engine {
    /// A welcome, new or repeated.
    pub(super) fn welcome(&mut self, message: client::Welcome) {
        let Ok(reference) = convert::id::<WelcomeRef>(&message.welcome_ref, "welcome_ref") else {
            self.desk.security(None, SecurityEvent::Welcome);
            return;
        };
        let Ok(pending) = PendingWelcome::try_from(message) else {
            self.give_welcome_up(reference, None);
            return;
        };
        if self.conversations.contains_key(&pending.conversation) {
            // Opened before; the ack was lost.
            self.acknowledge_welcome(reference);
            return;
        }
        if self.desk.link.clock_stops() || self.welcomes.contains_key(&reference) {
            return;
        }
        let fetch = client::FetchTreeRequest {
            conversation_id: convert::id_bytes(&pending.conversation),
            epoch: pending.epoch.0,
            incarnation: pending.incarnation.0,
        };
        self.welcomes.insert(reference, pending);
        self.desk
            .request(Request::Tree(reference), Body::FetchTree(fetch));
    }

    fn acknowledge_welcome(&mut self, reference: WelcomeRef) {
        let ack = client::AckWelcomeRequest {
            welcome_ref: convert::id_bytes(&reference),
        };
        self.desk
            .request(Request::AckWelcome, Body::AckWelcome(ack));
    }

    /// It will never be opened: said, and not given again.
    fn give_welcome_up(&mut self, reference: WelcomeRef, conversation: Option<ConversationId>) {
        self.desk.security(conversation, SecurityEvent::Welcome);
        self.acknowledge_welcome(reference);
    }

    /// The server will give the welcome again at the next resume.
    pub(super) fn tree_failed(&mut self, reference: WelcomeRef, error: &common::Error) {
        self.welcomes.remove(&reference);
        self.refused_request("fetch_tree", error.reason(), error);
    }

    pub(super) fn tree(&mut self, reference: WelcomeRef, response: &client::FetchTreeResponse) {
        let Some(pending) = self.welcomes.remove(&reference) else {
            return;
        };
        let id = pending.conversation;
        if self.conversations.contains_key(&id) {
            self.acknowledge_welcome(reference);
            return;
        }
        if JudgeVersion(response.judge_version) != judge::CURRENT {
            // Not given up: a newer program opens it.
            self.desk.event(Event::Suspended {
                conversation: id,
                why: Suspension::UpdateNeeded,
            });
            return;
        }
        let Some(anchor) = pending.check(response) else {
            self.give_welcome_up(reference, Some(id));
            return;
        };
        if !self.join(&pending, &anchor) {
            self.give_welcome_up(reference, Some(id));
            return;
        }
        self.acknowledge_welcome(reference);
        self.desk.task(Task::CountPackages);
    }

    /// Opens the group. The package it used, the group and where it begins are stored together.
    fn join(&mut self, pending: &PendingWelcome, anchor: &Anchor) -> bool {
        let Some(device) = self.desk.device().cloned() else {
            return false;
        };
        let invitation = Invitation {
            conversation: pending.conversation,
            incarnation: pending.incarnation,
            welcome: &pending.welcome,
            tree: &anchor.tree,
        };
        let Ok(group) = Group::join(&mut self.packages.keys, &device, &invitation) else {
            return false;
        };
        let Some((peer, suite)) = inviter(&group, device.account(), pending.epoch) else {
            self.desk
                .security(Some(pending.conversation), SecurityEvent::Members);
            return false;
        };
        self.packages.flush(&mut self.desk);
        let entry = Entry {
            incarnation: pending.incarnation,
            suite,
            sequence: pending.sequence,
            head_hash: pending.head_hash,
            control: &anchor.control,
            judge: anchor.judge,
        };
        let row = ConversationRow::invited(&entry, peer, self.directory.name_of(&peer));
        let conversation = Conversation::begin(pending.conversation, row, Some(group));
        self.conversations
            .insert(pending.conversation, conversation);
        self.cross(pending.conversation, peer);
        self.work(pending.conversation, Work::Moved(pending.sequence.next()));
        true
    }

    /// Whether this account has itself asked the peer: then both have consented. The conversation
    /// of the lower id goes on; whoever did not ask there accepts it.
    fn cross(&mut self, incoming: ConversationId, peer: AccountId) {
        let own = self.conversations.values().find(|conversation| {
            let row = &conversation.row;
            let asked = row.phase.is_own_request();
            let ahead = row.phase == Phase::Open && conversation.id < incoming;
            row.peer == peer && row.own && (asked || ahead)
        });
        let Some(own) = own else { return };
        let (own, name) = (own.id, own.row.peer_name.clone());
        let Some(conversation) = self.conversations.get_mut(&incoming) else {
            return;
        };
        conversation.row.peer_name = name;
        if own < incoming {
            conversation.row.phase = Phase::Merged(own);
            self.desk.event(Event::RequestsCrossed {
                merged: incoming,
                into: own,
            });
        } else {
            conversation.row.answer = Some(true);
            self.work(own, Work::MergeInto(incoming));
        }
    }
}

impl PendingWelcome {
    /// The link must lead to the welcome's head hash, and the control state must be the one that it
    /// hashes.
    fn check(&self, response: &client::FetchTreeResponse) -> Option<Anchor> {
        let message = response.link.as_ref()?;
        let previous: HeadHash = convert::id(&message.previous_head_hash, "previous").ok()?;
        let link = HeadLink {
            sequence: Sequence(message.sequence),
            appended_at: Millis(message.appended_at_ms),
            accepted_at: Millis(message.accepted_at_ms),
            bucket: match &message.bucket {
                None => None,
                Some(bucket) => Some(Bucket::try_from(bucket).ok()?),
            },
            control_hash: convert::id(&message.control_hash, "control_hash").ok()?,
            digest: convert::id(&message.digest, "digest").ok()?,
        };
        let control = ControlState::from_bytes(&response.control_state).ok()?;
        let judge = JudgeVersion(response.judge_version);
        let holds = link.sequence == self.sequence
            && head_hash(&previous, &link) == self.head_hash
            && control_hash(&control, judge) == link.control_hash;
        holds.then(|| Anchor {
            control,
            judge,
            tree: response.ratchet_tree.to_vec().into(),
        })
    }
}

impl TryFrom<client::Welcome> for PendingWelcome {
    type Error = xchat_proto::ConvertError;

    fn try_from(message: client::Welcome) -> Result<Self, Self::Error> {
        let welcome = Some(message.welcome).filter(|welcome| !welcome.is_empty());
        Ok(Self {
            conversation: convert::id(&message.conversation_id, "conversation_id")?,
            incarnation: Incarnation(message.incarnation),
            epoch: Epoch(message.epoch),
            sequence: Sequence(message.sequence),
            head_hash: convert::id(&message.head_hash, "head_hash")?,
            welcome: welcome.required("welcome")?.to_vec().into(),
        })
    }
}

/// The peer of a 1:1 group that this device was invited to: the group names both accounts, and
/// holds a leaf of each.
fn inviter(group: &Group, account: AccountId, epoch: Epoch) -> Option<(AccountId, Suite)> {
    let direct = group.extensions().ok()?.direct?;
    let peer = direct.peer_of(&account)?;
    let leaves = group.members().ok()?;
    let both = leaves.iter().any(|leaf| leaf.account == peer) && group.epoch() == epoch;
    both.then_some(peer).zip(group.suite())
}
