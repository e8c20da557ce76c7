//! The sans-I/O client engine.
//!
//! It owns what a device does: MLS (through `xchat-mls`), outbox, cursors, names, key packages,
//! timers, and the content of messages. It does no I/O, reads no clock and draws no randomness of
//! its own: a host hands [`Input`]s in and carries [`Output`]s out, on a native runtime or in a
//! browser alike.
//!
//! What it must never do: let a frame or an event out before what it depends on is stored
//! ([`Output::Persist`]); apply what the log has not ordered; go on in silence where what it
//! received does not hold.

mod command;
pub mod content;
mod conversation;
mod desk;
mod directory;
mod engine;
mod entropy;
mod event;
mod identity;
mod input;
mod link;
mod packages;
mod refusal;
mod returned;
mod row;
mod settings;
mod unit;

pub use command::{Command, Recipient, Ticket};
pub use conversation::Phase;
pub use engine::{ConversationView, Engine, OpenError, Profile, QueuedText};
pub use entropy::Entropy;
pub use event::{Connection, Event, Held, NotSent, SecurityEvent, Suspension, Warning};
pub use input::{CloseReason, Input, Output};
pub use row::{
    Batch, BatchId, HistoryRow, NotAKey, Row, RowChange, RowError, RowKey, Scope, Table,
};
pub use settings::Settings;
