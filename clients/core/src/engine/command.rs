//! What a person or program asks for.

use xchat_crypto::{Phrase, safety::SafetyNumber};
use xchat_proto::client::{self, client_frame::Body};
use xchat_types::{AccountId, ClaimId, ConversationId};

use super::Engine;
use crate::{
    command::{Command, Recipient, Ticket},
    conversation::{Conversation, ConversationRow, Phase, Text, Work},
    directory::Waiting,
    event::{Connection, Event, Held, NotSent},
    identity::Identity,
    link::Request,
    returned::Returned,
};

impl Engine {
    pub(super) fn command(&mut self, command: Command) {
        match command {
            Command::Register {
                phrase,
                keep_root,
                username,
                invite,
            } => self.register(&phrase, keep_root, username, invite),
            Command::SetUsername { username } => self.set_username(username),
            Command::Send { ticket, to, text } => self.send(ticket, to, text),
            Command::NotSentTold { ticket } => {
                self.desk.untold.told(&mut self.desk.unit, ticket);
            }
            Command::PhraseShown => {
                if let Some(identity) = &mut self.desk.identity {
                    identity.forget_phrase(&mut self.desk.unit);
                }
            }
            Command::TakeBack { ticket } => self.take_back(ticket),
            Command::Accept { peer } => {
                self.answer_request(&peer, true);
            }
            Command::Decline { peer } => {
                self.answer_request(&peer, false);
            }
            Command::Resolve { name } => self.resolve(name),
            Command::SafetyNumber { peer } => self.safety_number(&peer),
            Command::SetVerified { account, verified } => {
                self.directory
                    .set_verified(&mut self.desk, account, verified);
                self.desk.event(Event::Verified { account, verified });
            }
        }
    }

    fn register(
        &mut self,
        phrase: &Phrase,
        keep_root: bool,
        username: Option<String>,
        invite: Option<String>,
    ) {
        let device_seed = self.desk.draw();
        let root_key = phrase.root_key();
        let identity = self
            .desk
            .identity
            .get_or_insert_with(|| Identity::of_phrase(phrase, keep_root, device_seed));
        if identity.row.registered {
            let event = Event::Registered {
                account: identity.account,
                username: identity.row.username.clone(),
            };
            self.desk.event(event);
            return;
        }
        identity.offer_root(root_key);
        identity.row.wanted_username = username;
        identity.row.invite = invite;
        identity.store(&mut self.desk.unit);
        if self.desk.link.state == Connection::Unregistered {
            self.challenge();
        }
    }

    fn set_username(&mut self, username: String) {
        let set = client::SetUsernameRequest {
            username: username.clone(),
        };
        if self.desk.is_ready() {
            self.desk
                .request(Request::SetUsername(username), Body::SetUsername(set));
        } else {
            self.desk.event(Event::UsernameRefused {
                username,
                reason: xchat_proto::common::Reason::Unavailable,
            });
        }
    }

    fn send(&mut self, ticket: Ticket, to: Recipient, text: String) {
        let registered = self.desk.identity.as_ref();
        if !registered.is_some_and(|identity| identity.row.registered) {
            self.not_sent(ticket, text, None, NotSent::NotRegistered);
            return;
        }
        let since = Some(self.desk.server_time());
        let draft = Text::new(ticket, self.desk.draw(), text).written(since);
        if let Err(reason) = draft.check() {
            self.refuse_text(draft, None, reason);
            return;
        }
        match to {
            Recipient::Name(name) => match self.directory.account(&name) {
                Some(account) => self.send_to_account(account, Some(name), draft),
                None => self.wait_for_name(Waiting {
                    ticket,
                    name,
                    text: draft.body,
                    since,
                }),
            },
            Recipient::Account(account) => self.send_to_account(account, None, draft),
            Recipient::Conversation(id) if self.conversations.contains_key(&id) => {
                self.work(self.successor(id), Work::Text(draft));
            }
            Recipient::Conversation(_) => {
                self.refuse_text(draft, None, NotSent::ConversationUnknown);
            }
        }
    }

    fn wait_for_name(&mut self, waiting: Waiting) {
        let held = if self.desk.link.is_online() {
            None
        } else {
            Some(Held::NameUnresolved)
        };
        self.desk.event(Event::Queued {
            ticket: waiting.ticket,
            conversation: None,
            held,
        });
        self.directory.wait(&mut self.desk, waiting);
    }

    fn not_sent(&mut self, ticket: Ticket, text: String, to: Option<String>, reason: NotSent) {
        self.desk.give_back(Returned {
            ticket,
            conversation: None,
            to,
            text,
            reason,
        });
    }

    pub(super) fn refuse_text(&mut self, mut text: Text, to: Option<String>, reason: NotSent) {
        text.end_wait(&mut self.desk);
        self.not_sent(text.ticket, text.body, to, reason);
    }

    /// Into the conversation with the account, or into a new request.
    pub(super) fn send_to_account(&mut self, account: AccountId, name: Option<String>, text: Text) {
        if Some(account) == self.desk.account() {
            self.refuse_text(text, name, NotSent::ToYourself);
            return;
        }
        let id = match self.with_account(account) {
            Some(id) => id,
            None if !text.fits_request() => {
                self.refuse_text(text, name, NotSent::TooLargeForRequest);
                return;
            }
            None => self.begin_request(account, name.clone()),
        };
        if let Some(conversation) = self.conversations.get_mut(&id) {
            let known = conversation.row.peer_name.take();
            conversation.row.peer_name = known.or(name);
        }
        self.work(id, Work::Text(text));
    }

    fn begin_request(&mut self, account: AccountId, name: Option<String>) -> ConversationId {
        let id = ConversationId::new(self.desk.draw());
        let claim = ClaimId::new(self.desk.draw());
        let row = ConversationRow::asking(account, name, claim);
        self.conversations
            .insert(id, Conversation::begin(id, row, None));
        id
    }

    /// The conversation in which a text to the account goes: an open one, else an own request, else
    /// the account's request, else one that the peer declined.
    fn with_account(&self, account: AccountId) -> Option<ConversationId> {
        let rank = |phase: Phase| match phase {
            Phase::Open => Some(0),
            Phase::Asked | Phase::Inviting | Phase::Claiming => Some(1),
            Phase::Invited => Some(2),
            Phase::DeclinedByPeer => Some(3),
            Phase::Declined | Phase::PeerLeft | Phase::Merged(_) | Phase::Closed => None,
        };
        let of_peer = |conversation: &&Conversation| conversation.row.peer == account;
        let ranked = self.conversations.values().filter(of_peer);
        let ranked = ranked.filter_map(|conversation| {
            rank(conversation.row.phase).map(|rank| (rank, conversation.id))
        });
        ranked.min().map(|(_, id)| id)
    }

    /// Where a merged conversation goes on.
    fn successor(&self, id: ConversationId) -> ConversationId {
        match self.conversations.get(&id).map(|known| known.row.phase) {
            Some(Phase::Merged(into)) => into,
            Some(_) | None => id,
        }
    }

    fn take_back(&mut self, ticket: Ticket) {
        if self.directory.take_back(&mut self.desk, ticket) {
            self.desk.event(Event::TakenBack { ticket });
            return;
        }
        let mut conversations = self.conversations.values();
        match conversations.find(|conversation| conversation.has_ticket(ticket)) {
            Some(conversation) => {
                let id = conversation.id;
                self.work(id, Work::TakeBack(ticket));
            }
            None => self.desk.event(Event::NotTakenBack { ticket }),
        }
    }

    fn answer_request(&mut self, peer: &Recipient, accept: bool) {
        let command = if accept {
            |peer| Command::Accept { peer }
        } else {
            |peer| Command::Decline { peer }
        };
        let invited = |conversation: &Conversation| conversation.row.phase == Phase::Invited;
        if let Some(id) = self.find(peer, command, invited) {
            self.work(id, Work::Answer(accept));
        }
    }

    /// The conversation meant, or nothing: then the person is told, now or after a lookup.
    fn find(
        &mut self,
        peer: &Recipient,
        command: fn(Recipient) -> Command,
        fits: fn(&Conversation) -> bool,
    ) -> Option<ConversationId> {
        let account = match peer {
            Recipient::Account(account) => Some(*account),
            Recipient::Name(name) => self.directory.account(name),
            Recipient::Conversation(_) => None,
        };
        let meant = |conversation: &&Conversation| match peer {
            Recipient::Conversation(id) => conversation.id == *id,
            Recipient::Account(_) | Recipient::Name(_) => Some(conversation.row.peer) == account,
        };
        let mut conversations = self.conversations.values();
        let found = conversations.find(|known| meant(known) && fits(known));
        if let Some(found) = found {
            return Some(found.id);
        }
        match peer {
            Recipient::Name(name) if account.is_none() && self.desk.is_ready() => {
                let command = command(peer.clone());
                self.directory.after_lookup(&mut self.desk, name, command);
            }
            Recipient::Name(_) | Recipient::Account(_) | Recipient::Conversation(_) => {
                self.desk.event(Event::PeerUnknown { peer: peer.clone() });
            }
        }
        None
    }

    fn resolve(&mut self, name: String) {
        if let Some(account) = self.directory.account(&name) {
            self.desk.event(Event::Resolved { name, account });
        } else if self.desk.is_ready() {
            let command = Command::Resolve { name: name.clone() };
            self.directory.after_lookup(&mut self.desk, &name, command);
        } else {
            self.desk.event(Event::NameUnknown { name });
        }
    }

    fn safety_number(&mut self, peer: &Recipient) {
        let command = |peer| Command::SafetyNumber { peer };
        let known = |conversation: &Conversation| conversation.row.peer_root.is_some();
        let Some(id) = self.find(peer, command, known) else {
            return;
        };
        let root = self
            .conversations
            .get(&id)
            .and_then(Conversation::peer_root);
        let own = self.desk.identity.as_ref().map(Identity::root);
        let account = self.conversations.get(&id).map(|known| known.row.peer);
        if let (Some(root), Some(own), Some(account)) = (root, own, account) {
            self.desk.event(Event::SafetyNumber {
                account,
                number: SafetyNumber::of(&own, &root),
                verified: self.directory.is_verified(&account),
            });
        }
    }
}
