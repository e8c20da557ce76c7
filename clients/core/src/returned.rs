//! Texts given back to their writer. Nobody else keeps them, so that each stays stored until the
//! host says that the person was told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use xchat_types::ConversationId;

use crate::{
    command::Ticket,
    event::{Event, NotSent},
    row::{RowError, RowKey, Table, decode, encode},
    unit::Unit,
};

/// One text that was not sent and will not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Returned {
    pub(crate) ticket: Ticket,
    pub(crate) conversation: Option<ConversationId>,
    /// The name it was meant for, if one is known.
    pub(crate) to: Option<String>,
    pub(crate) text: String,
    pub(crate) reason: NotSent,
}

impl Returned {
    fn event(&self) -> Event {
        Event::NotSent {
            ticket: self.ticket,
            conversation: self.conversation,
            to: self.to.clone(),
            text: self.text.clone(),
            reason: self.reason,
        }
    }
}

/// All that were not told of, in the order in which they came back.
#[derive(Debug, Default)]
pub(crate) struct Untold {
    rows: BTreeMap<u64, Returned>,
    /// Whether those of the store were told in this process.
    repeated: bool,
}

impl Untold {
    pub(crate) fn load(&mut self, number: u64, bytes: &[u8]) -> Result<(), RowError> {
        self.rows.insert(number, decode("returned", bytes)?);
        Ok(())
    }

    /// Stores a text and tells of it. One that came back before with the same ticket gives way.
    pub(crate) fn put(&mut self, unit: &mut Unit, returned: Returned) {
        let mut rows = self.rows.iter();
        let known = rows.find(|(_, other)| other.ticket == returned.ticket);
        let last = self.rows.keys().next_back().copied().unwrap_or(0);
        let number = known.map_or(last.saturating_add(1), |(number, _)| *number);
        unit.set(key(number), encode(&returned));
        unit.event(returned.event());
        self.rows.insert(number, returned);
    }

    /// Tells again, once a process, what an earlier process may not have told.
    pub(crate) fn repeat(&mut self, unit: &mut Unit) {
        if !std::mem::replace(&mut self.repeated, true) {
            for returned in self.rows.values() {
                unit.event(returned.event());
            }
        }
    }

    /// The person was told.
    pub(crate) fn told(&mut self, unit: &mut Unit, ticket: Ticket) {
        self.rows.retain(|number, returned| {
            let told = returned.ticket == ticket;
            if told {
                unit.delete(key(*number));
            }
            !told
        });
    }
}

fn key(number: u64) -> RowKey {
    RowKey::numbered(Table::Returned, number)
}
