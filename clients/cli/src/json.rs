//! The objects of `--json`. Their fields are an interface: README.md documents them, and golden
//! tests hold them.

#![allow(
    clippy::struct_field_names,
    reason = "the names are those of the objects that programs read"
)]

use serde::Serialize;
use xchat_sdk::{AccountId, ConversationId, Message, Ticket};

/// Of `whoami`, and of `register` when it has succeeded.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Whoami {
    pub(crate) profile: String,
    pub(crate) account: String,
    pub(crate) username: Option<String>,
    pub(crate) device: String,
    pub(crate) server: String,
}

/// Of `register`, once the account is there.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Words<'a> {
    pub(crate) phrase: &'a str,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Link {
    pub(crate) link: String,
    pub(crate) account: String,
    pub(crate) server: String,
}

/// What became of one text.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sent {
    pub(crate) conversation: Option<String>,
    /// `applied`, `queued` or `not_sent`.
    pub(crate) outcome: &'static str,
    pub(crate) sequence: Option<u64>,
    pub(crate) accepted_at: Option<u64>,
    /// Why it is queued or not sent.
    pub(crate) reason: Option<&'static str>,
    /// The same in `outbox` and in events of `sync` and `chat`.
    pub(crate) ticket: String,
    /// Whether it accepted a request of the other side, or will.
    pub(crate) accepts: bool,
}

/// Of `outbox`, one a text.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Queued {
    pub(crate) ticket: String,
    pub(crate) conversation: Option<String>,
    pub(crate) account: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) text: String,
    pub(crate) since: Option<u64>,
    /// Why it waits; `None` while it is on its way.
    pub(crate) reason: Option<&'static str>,
}

/// On standard error: what is not data.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Notice<'a> {
    /// `error`, which is the last, `warning` or `note`.
    pub(crate) level: &'static str,
    pub(crate) reason: Option<&'a str>,
    pub(crate) message: &'a str,
    pub(crate) next: Option<&'a str>,
    /// Of a text that came back.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) returned: Option<Returned<'a>>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Returned<'a> {
    pub(crate) ticket: &'a str,
    pub(crate) to: Option<&'a str>,
    pub(crate) text: &'a str,
}

/// One message of a history.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Said {
    pub(crate) conversation: String,
    pub(crate) sequence: u64,
    pub(crate) sender: String,
    pub(crate) own: bool,
    /// `None` where it is no text.
    pub(crate) text: Option<String>,
    pub(crate) accepted_at: u64,
    pub(crate) created_at: u64,
}

impl Said {
    pub(crate) fn of(message: &Message, own: AccountId) -> Self {
        let row = &message.row;
        Self {
            conversation: message.conversation.to_hex(),
            sequence: row.sequence.0,
            sender: row.sender.to_string(),
            own: row.sender == own,
            text: row.text(),
            accepted_at: row.accepted_at.0,
            created_at: row.created_at.0,
        }
    }
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Request {
    pub(crate) conversation: String,
    pub(crate) account: String,
    /// Only where a lookup of it leads to the account.
    pub(crate) name: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) accepted_at: Option<u64>,
}

/// Of `accept` and `decline`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Answer {
    pub(crate) account: String,
    /// `accepted` or `declined`.
    pub(crate) answer: &'static str,
    /// `applied`, or `queued` while the server is away.
    pub(crate) outcome: &'static str,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Number {
    pub(crate) account: String,
    pub(crate) number: String,
    pub(crate) verified: bool,
}

/// Of `doctor`, one a check.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Check<'a> {
    pub(crate) check: &'static str,
    /// `ok`, `warning` or `error`.
    pub(crate) status: &'static str,
    pub(crate) reason: Option<&'a str>,
    pub(crate) text: &'a str,
    pub(crate) next: Option<&'a str>,
}

/// What happens in `chat` and `sync`.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Happened {
    /// A message of somebody else, or of this account where a chat shows it.
    Message(Said),
    Request(Request),
    Queued {
        ticket: String,
        reason: &'static str,
    },
    Sent {
        ticket: String,
        conversation: String,
        sequence: u64,
        accepted_at: u64,
    },
    NotSent {
        ticket: String,
        reason: &'static str,
        to: Option<String>,
        text: String,
    },
    Accepted {
        conversation: String,
        account: String,
    },
    Declined {
        conversation: String,
        account: String,
    },
    Left {
        conversation: String,
        account: String,
    },
    /// Everything that can be sent and fetched is.
    Settled,
    Away {
        reason: String,
    },
}

pub(crate) fn conversation(id: Option<ConversationId>) -> Option<String> {
    id.map(ConversationId::to_hex)
}

/// 32 hexadecimal digits.
pub(crate) fn ticket(ticket: &Ticket) -> String {
    format!("{:032x}", u128::from_be_bytes(ticket.0))
}
