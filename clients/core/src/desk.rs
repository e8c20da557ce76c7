//! What every part of the engine works with while it handles one input.

use std::collections::VecDeque;

use xchat_mls::Device;
use xchat_proto::client::client_frame::Body;
use xchat_types::{AccountId, ConversationId, Millis};

use crate::{
    conversation::Text,
    entropy::{Entropy, draw},
    event::{Connection, Event, SecurityEvent},
    identity::Identity,
    link::{Link, Request},
    returned::{Returned, Untold},
    settings::Settings,
    unit::Unit,
};

/// What one part leaves to another, done before the input ends.
#[derive(Debug)]
pub(crate) enum Task {
    /// A request's first text names its sender: look whether the name leads to the account.
    CheckName(ConversationId, String),
    /// Texts that go on in another conversation with the same peer.
    Move {
        texts: Vec<Text>,
        to: ConversationId,
    },
    /// Nothing of the conversation is on the server: it never was.
    Forget(ConversationId),
    /// A key package was used.
    CountPackages,
}

/// Shared state: the device, the socket, the unit of work.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) settings: Settings,
    pub(crate) entropy: Box<dyn Entropy>,
    /// Device time of the input being handled.
    pub(crate) now: Millis,
    pub(crate) link: Link,
    pub(crate) unit: Unit,
    pub(crate) identity: Option<Identity>,
    pub(crate) untold: Untold,
    pub(crate) tasks: VecDeque<Task>,
}

impl Desk {
    pub(crate) fn draw<const N: usize>(&mut self) -> [u8; N] {
        draw(&mut *self.entropy)
    }

    pub(crate) fn request(&mut self, request: Request, body: Body) {
        self.link.request(&mut self.unit, self.now, request, body);
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.unit.event(event);
    }

    /// Gives a text back to its writer.
    pub(crate) fn give_back(&mut self, returned: Returned) {
        self.untold.put(&mut self.unit, returned);
    }

    pub(crate) fn security(&mut self, conversation: Option<ConversationId>, event: SecurityEvent) {
        self.unit.event(Event::Security {
            conversation,
            event,
        });
    }

    pub(crate) fn task(&mut self, task: Task) {
        self.tasks.push_back(task);
    }

    pub(crate) fn server_time(&self) -> Millis {
        self.link.server_time(self.now)
    }

    /// Logged in, and marks and welcomes are known.
    pub(crate) fn is_ready(&self) -> bool {
        self.link.state == Connection::Ready
    }

    pub(crate) fn may_submit(&self) -> bool {
        self.is_ready() && !self.link.clock_stops()
    }

    pub(crate) fn device(&self) -> Option<&Device> {
        self.identity.as_ref()?.device.as_ref()
    }

    pub(crate) fn account(&self) -> Option<AccountId> {
        self.identity.as_ref().map(|identity| identity.account)
    }

    /// A later device time.
    pub(crate) fn later(&self, milliseconds: u64) -> Millis {
        self.now.saturating_add(milliseconds)
    }
}
