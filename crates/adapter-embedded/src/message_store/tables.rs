//! The tables of the message store (architecture, section 6).

use fjall::Keyspace;
use xchat_ports::message_store::PayloadClass;

use crate::engine::Tables;

pub(super) struct MessageTables {
    pub(super) conversations: Keyspace,
    /// Headers, and the payloads of the 30-day class beside them.
    pub(super) envelopes: Keyspace,
    pub(super) payloads_hour: Keyspace,
    pub(super) payloads_day: Keyspace,
    pub(super) group_states: Keyspace,
    pub(super) welcomes: Keyspace,
    pub(super) marks: Keyspace,
    pub(super) cursors: Keyspace,
}

impl Tables for MessageTables {
    fn open(open: impl Fn(&str) -> fjall::Result<Keyspace>) -> fjall::Result<Self> {
        Ok(Self {
            conversations: open("conversations")?,
            envelopes: open("envelopes")?,
            payloads_hour: open("payloads_hour")?,
            payloads_day: open("payloads_day")?,
            group_states: open("group_states")?,
            welcomes: open("welcomes")?,
            marks: open("marks")?,
            cursors: open("cursors")?,
        })
    }
}

impl MessageTables {
    /// The table of a payload class; `None`: it stands in `envelopes`.
    pub(super) const fn payloads(&self, class: PayloadClass) -> Option<&Keyspace> {
        match class {
            PayloadClass::Hour => Some(&self.payloads_hour),
            PayloadClass::Day => Some(&self.payloads_day),
            PayloadClass::Month => None,
        }
    }
}
