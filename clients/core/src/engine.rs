//! The engine: one input in, outputs out.

mod answer;
mod command;
mod join;
mod look;
mod names;
mod outbox;
mod push;
mod session;
mod tasks;
mod timers;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use thiserror::Error;
use xchat_crypto::Phrase;
use xchat_types::{AccountId, ConversationId, DeviceId, Millis, Sequence, ServerId, WelcomeRef};

use self::join::PendingWelcome;
pub use self::outbox::QueuedText;
use crate::{
    conversation::{Conversation, Phase, Work},
    desk::Desk,
    directory::Directory,
    entropy::Entropy,
    event::{Connection, Event, Suspension},
    identity::Identity,
    input::{Input, Output},
    link::Link,
    packages::Packages,
    returned::Untold,
    row::{Row, RowError, Table},
    settings::Settings,
    unit::Unit,
};

/// The rows hold no usable state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OpenError {
    #[error(transparent)]
    Row(#[from] RowError),
    /// A profile of this program holds nothing under this key: another program's, or a damaged one.
    #[error("a stored conversation has no valid id")]
    ConversationId,
}

/// Who this profile is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    pub account: AccountId,
    pub device: DeviceId,
    pub username: Option<String>,
    pub server: Option<ServerId>,
    /// Whether the server knows the account.
    pub registered: bool,
}

/// Where a conversation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversationView {
    pub id: ConversationId,
    pub peer: AccountId,
    pub peer_name: Option<String>,
    pub phase: Phase,
    /// Whether this account asked.
    pub own: bool,
    pub cursor: Sequence,
    pub suspension: Option<Suspension>,
    /// Whether a person compared the safety number with the peer.
    pub verified: bool,
}

/// The client engine. It holds the state of one device; dropping it loses nothing that a host was
/// told is stored.
#[derive(Debug)]
pub struct Engine {
    desk: Desk,
    conversations: BTreeMap<ConversationId, Conversation>,
    directory: Directory,
    packages: Packages,
    welcomes: BTreeMap<WelcomeRef, PendingWelcome>,
    look: look::Look,
    /// Of this socket's Hello.
    server: Option<ServerId>,
    /// The sign-up challenge whose proof is being computed.
    signup: Option<Vec<u8>>,
    /// Whether marks are still being read.
    marks_open: bool,
    settled: bool,
    timer: Option<Millis>,
    /// Conversations to be loaded before anything is asked for.
    busy: Vec<ConversationId>,
}

impl Engine {
    /// Opens the engine over all rows of the device's scope. No rows: a new profile.
    pub fn open(
        settings: Settings,
        entropy: Box<dyn Entropy>,
        rows: Vec<Row>,
    ) -> Result<Self, OpenError> {
        let mut identity = None;
        let mut directory = Directory::default();
        let mut conversations = BTreeMap::new();
        let mut untold = Untold::default();
        let (mut keys, mut unpublished) = (Vec::new(), Vec::new());
        for Row { key, value } in rows {
            match key.table {
                Table::Identity => identity = Some(Identity::from_bytes(&value)?),
                Table::KeyPackage => keys.push((key.name, value)),
                Table::Publication => unpublished.push((key.order, value)),
                Table::Conversation => {
                    let id = ConversationId::try_from(key.name.as_slice())
                        .map_err(|_| OpenError::ConversationId)?;
                    conversations.insert(id, Conversation::from_row(id, &value)?);
                }
                Table::Name | Table::Contact | Table::Waiting => directory.load(&key, &value)?,
                Table::Returned => untold.load(key.order, &value)?,
                Table::Group
                | Table::Outbox
                | Table::Submission
                | Table::Doubt
                | Table::History => {}
            }
        }
        let busy = conversations.values();
        let busy = busy.filter(|conversation| conversation.row.busy);
        Ok(Self {
            busy: busy.map(|conversation| conversation.id).collect(),
            desk: Desk {
                settings,
                entropy,
                now: Millis(0),
                link: Link::default(),
                unit: Unit::default(),
                identity,
                untold,
                tasks: VecDeque::new(),
            },
            conversations,
            directory,
            packages: Packages::load(keys, unpublished)?,
            welcomes: BTreeMap::new(),
            look: look::Look::default(),
            server: None,
            signup: None,
            marks_open: false,
            settled: false,
            timer: None,
        })
    }

    /// Handles one input at a time of the device's clock. The outputs are to be carried out in
    /// order, and before the next input is handled.
    pub fn handle(&mut self, now: Millis, input: Input) -> Vec<Output> {
        self.desk.now = now;
        let mut outputs = Vec::new();
        if let Input::Persisted(batch) = input {
            let generation = self.desk.link.generation;
            outputs = self.desk.unit.persisted(batch, generation);
        } else {
            self.desk.untold.repeat(&mut self.desk.unit);
            self.load_busy();
            self.take(input);
        }
        self.run_tasks();
        self.tell_if_settled();
        outputs.extend(self.desk.unit.finish(self.desk.link.generation));
        self.plan_timer(&mut outputs);
        outputs
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Connected => self.connected(),
            Input::Disconnected => self.disconnected(),
            Input::Frame(bytes) => self.frame(bytes),
            Input::Loaded { conversation, rows } => self.loaded(conversation, rows),
            Input::ProofSolved(proof) => self.proof_solved(proof),
            Input::Tick => self.tick(),
            Input::Command(command) => self.command(command),
            Input::Persisted(_) => {}
        }
    }

    /// What was under way when the profile was closed is loaded first.
    fn load_busy(&mut self) {
        for id in std::mem::take(&mut self.busy) {
            self.work(id, Work::Continue);
        }
    }

    fn loaded(&mut self, id: ConversationId, rows: Vec<Row>) {
        let Some(conversation) = self.conversations.get_mut(&id) else {
            return;
        };
        if conversation.loaded(&mut self.desk, rows).is_err() {
            conversation.suspend(&mut self.desk, Suspension::Damaged);
        } else if let Some(name) = conversation.claimed_name() {
            self.directory.check_request(&mut self.desk, &name, id);
        }
    }

    fn work(&mut self, id: ConversationId, work: Work) {
        if let Some(conversation) = self.conversations.get_mut(&id) {
            conversation.work(&mut self.desk, work);
        }
    }

    fn set_connection(&mut self, state: Connection) {
        if self.desk.link.state != state {
            self.desk.link.state = state;
            self.desk.event(Event::Connection(state));
        }
    }

    fn tell_if_settled(&mut self) {
        let settled = self.is_settled();
        if settled && !self.settled {
            self.desk.event(Event::Settled);
        }
        self.settled = settled;
    }

    /// Online, everything pulled, acknowledged and answered: nothing changes unless somebody acts.
    pub fn is_settled(&self) -> bool {
        let desk = &self.desk;
        let mut conversations = self.conversations.values();
        desk.is_ready()
            && desk.link.is_quiet()
            && !self.marks_open
            && self.welcomes.is_empty()
            && self.directory.is_settled()
            && !desk.unit.is_waiting()
            && conversations.all(|conversation| conversation.is_settled(desk))
    }

    pub fn profile(&self) -> Option<Profile> {
        let identity = self.desk.identity.as_ref()?;
        Some(Profile {
            account: identity.account,
            device: identity.device_id(),
            username: identity.row.username.clone(),
            server: identity.row.server,
            registered: identity.row.registered,
        })
    }

    /// The words of the account, until [`crate::Command::PhraseShown`].
    pub fn unseen_phrase(&self) -> Option<Phrase> {
        self.desk.identity.as_ref()?.unseen_phrase()
    }

    pub const fn connection(&self) -> Connection {
        self.desk.link.state
    }

    /// The server's time, as last told in Hello.
    pub fn server_time(&self, now: Millis) -> Millis {
        self.desk.link.server_time(now)
    }

    /// All conversations, loaded or not.
    pub fn conversations(&self) -> Vec<ConversationView> {
        let view = |conversation: &Conversation| ConversationView {
            id: conversation.id,
            peer: conversation.row.peer,
            peer_name: conversation.row.peer_name.clone(),
            phase: conversation.row.phase,
            own: conversation.row.own,
            cursor: conversation.row.cursor,
            suspension: conversation.row.suspension,
            verified: self.directory.is_verified(&conversation.row.peer),
        };
        self.conversations.values().map(view).collect()
    }

    fn frame(&mut self, bytes: Bytes) {
        if self.desk.link.is_online() {
            self.dispatch(bytes);
        }
    }
}
