//! Drives the client core natively: a profile folder, a sealed store, a socket.
//!
//! [`Client::open`] takes a profile, locks it against other processes, and runs the engine on one
//! task that stores before it says anything. What happens comes out as [`Event`]s; what a person
//! asks goes in as [`Command`]s. A process may be killed at any moment: the next one goes on.

mod client;
mod driver;
mod error;
mod files;
mod probe;
mod profile;
mod rt;
mod socket;
mod store;

pub use client::{Client, Entry, Events, Message, Options};
pub use error::{Error, Reason};
pub use probe::{ProbeError, ServerInfo, probe};
pub use profile::{Home, Server};
pub use store::StoreStats;
pub use xchat_core::{
    Command, Connection, ConversationView, Event, Held, HistoryRow, NotSent, Phase, Profile,
    QueuedText, Recipient, SecurityEvent, Settings, Suspension, Ticket, Warning, content,
};
pub use xchat_crypto::{Phrase, proof::Progress, safety::SafetyNumber};
pub use xchat_proto::{API_VERSION, common::Reason as ServerReason};
pub use xchat_types::{AccountId, ConversationId, DeviceId, Millis, Sequence, ServerId};
