//! Names: what was looked up, what waits for a lookup, and whose number was compared.
//!
//! A name that was resolved once stays with its account: later messages to it never go to somebody
//! else because a server says so.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use xchat_proto::client::{self, client_frame::Body};
use xchat_types::{AccountId, ConversationId, Millis};

use crate::{
    command::{Command, Ticket},
    desk::Desk,
    link::Request,
    row::{RowError, RowKey, Table, decode, encode},
};

/// A text to a name that was never resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Waiting {
    pub(crate) ticket: Ticket,
    pub(crate) name: String,
    pub(crate) text: String,
    /// Server time at which it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<Millis>,
}

/// Whom a finished lookup is for.
#[derive(Debug, Default)]
pub(crate) struct Interested {
    pub(crate) requests: Vec<ConversationId>,
    pub(crate) commands: Vec<Command>,
    /// With the numbers of their rows, which stay until the texts have another place.
    pub(crate) texts: Vec<(u64, Waiting)>,
}

#[derive(Debug, Default)]
pub(crate) struct Directory {
    names: BTreeMap<String, AccountId>,
    verified: BTreeSet<AccountId>,
    waiting: BTreeMap<u64, Waiting>,
    /// Highest number of a row that waited: none is used twice, for a row outlives its wait.
    last_waiting: u64,
    /// Requests whose sender claims a name. Known again from their conversations after a restart.
    requests: BTreeMap<String, Vec<ConversationId>>,
    /// Commands of this process about names that are being looked up.
    commands: BTreeMap<String, Vec<Command>>,
    retry_at: Option<Millis>,
}

impl Directory {
    pub(crate) fn load(&mut self, key: &RowKey, value: &[u8]) -> Result<(), RowError> {
        let name = || String::from_utf8(key.name.clone()).map_err(|_| RowError("name"));
        match key.table {
            Table::Name => {
                self.names.insert(name()?, decode("name", value)?);
            }
            Table::Contact => {
                let account = AccountId::try_from(key.name.as_slice());
                self.verified
                    .insert(account.map_err(|_| RowError("contact"))?);
            }
            Table::Waiting => {
                self.waiting.insert(key.order, decode("waiting", value)?);
                self.last_waiting = self.last_waiting.max(key.order);
            }
            Table::Identity
            | Table::KeyPackage
            | Table::Conversation
            | Table::Publication
            | Table::Returned
            | Table::Group
            | Table::Outbox
            | Table::Submission
            | Table::Doubt
            | Table::History => {}
        }
        Ok(())
    }

    pub(crate) fn account(&self, name: &str) -> Option<AccountId> {
        self.names.get(name).copied()
    }

    /// A name that was resolved to the account.
    pub(crate) fn name_of(&self, account: &AccountId) -> Option<String> {
        let mut names = self.names.iter();
        names
            .find(|(_, known)| *known == account)
            .map(|(name, _)| name.clone())
    }

    pub(crate) fn is_verified(&self, account: &AccountId) -> bool {
        self.verified.contains(account)
    }

    pub(crate) fn set_verified(&mut self, desk: &mut Desk, account: AccountId, verified: bool) {
        let key = RowKey::named(Table::Contact, account);
        if verified {
            self.verified.insert(account);
            desk.unit.set(key, encode(&true));
        } else {
            self.verified.remove(&account);
            desk.unit.delete(key);
        }
    }

    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Waiting> {
        self.waiting.values()
    }

    /// Keeps a text until its name is resolved.
    pub(crate) fn wait(&mut self, desk: &mut Desk, waiting: Waiting) {
        let known = |other: &Waiting| other.ticket == waiting.ticket;
        if self.waiting.values().any(known) {
            return;
        }
        self.last_waiting = self.last_waiting.saturating_add(1);
        let number = self.last_waiting;
        desk.unit
            .set(RowKey::numbered(Table::Waiting, number), encode(&waiting));
        let name = waiting.name.clone();
        self.waiting.insert(number, waiting);
        self.look_up(desk, &name);
    }

    pub(crate) fn take_back(&mut self, desk: &mut Desk, ticket: Ticket) -> bool {
        let mut waiting = self.waiting.iter();
        let found = waiting.find(|(_, waiting)| waiting.ticket == ticket);
        let Some(number) = found.map(|(number, _)| *number) else {
            return false;
        };
        self.waiting.remove(&number);
        desk.unit.delete(RowKey::numbered(Table::Waiting, number));
        true
    }

    pub(crate) fn check_request(&mut self, desk: &mut Desk, name: &str, request: ConversationId) {
        let requests = self.requests.entry(name.to_owned()).or_default();
        if !requests.contains(&request) {
            requests.push(request);
        }
        self.look_up(desk, name);
    }

    pub(crate) fn after_lookup(&mut self, desk: &mut Desk, name: &str, command: Command) {
        self.commands
            .entry(name.to_owned())
            .or_default()
            .push(command);
        self.look_up(desk, name);
    }

    fn look_up(&mut self, desk: &mut Desk, name: &str) {
        let asked = |request: &Request| matches!(request, Request::Lookup(open) if open == name);
        let later = self.retry_at.is_some_and(|at| desk.now < at);
        if !desk.is_ready() || later || desk.link.has_open(asked) {
            return;
        }
        let lookup = client::LookupUsernameRequest {
            username: name.to_owned(),
        };
        desk.request(
            Request::Lookup(name.to_owned()),
            Body::LookupUsername(lookup),
        );
    }

    /// Looks up whatever waits.
    pub(crate) fn advance(&mut self, desk: &mut Desk) {
        if self.retry_at.is_some_and(|at| at <= desk.now) {
            self.retry_at = None;
        }
        let mut names: BTreeSet<String> = self.requests.keys().cloned().collect();
        names.extend(self.commands.keys().cloned());
        names.extend(self.waiting.values().map(|waiting| waiting.name.clone()));
        for name in names {
            self.look_up(desk, &name);
        }
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.waiting.is_empty() && self.requests.is_empty() && self.commands.is_empty()
    }

    pub(crate) const fn next_due(&self) -> Option<Millis> {
        self.retry_at
    }

    pub(crate) fn retry_later(&mut self, at: Millis) {
        self.retry_at = Some(at);
    }

    /// Commands that wait end with the socket: their person is told.
    pub(crate) fn disconnected(&mut self) -> Vec<Command> {
        self.retry_at = None;
        std::mem::take(&mut self.commands)
            .into_values()
            .flatten()
            .collect()
    }

    /// A lookup has ended: remembers the answer, and says whom it is for.
    pub(crate) fn resolved(
        &mut self,
        desk: &mut Desk,
        name: &str,
        account: Option<AccountId>,
    ) -> Interested {
        if let Some(account) = account {
            self.names.insert(name.to_owned(), account);
            desk.unit
                .set(RowKey::named(Table::Name, name), encode(&account));
        }
        let numbers = self
            .waiting
            .iter()
            .filter(|(_, waiting)| waiting.name == name);
        let numbers: Vec<u64> = numbers.map(|(number, _)| *number).collect();
        let mut texts = Vec::new();
        for number in numbers {
            let waiting = self.waiting.remove(&number);
            texts.extend(waiting.map(|waiting| (number, waiting)));
        }
        Interested {
            requests: self.requests.remove(name).unwrap_or_default(),
            commands: self.commands.remove(name).unwrap_or_default(),
            texts,
        }
    }
}
