//! The fold: what a log of records makes of a conversation.
//!
//! `fold(conversation, logged record) -> (conversation', effects)` is pure and synchronous: no
//! clock, no randomness, no I/O. Everything that fanout promises about order, outcomes and
//! membership is decided here, and only here; the worker reads the log, keeps the rows and carries
//! the effects out. So a replay, a rebalance or two workers at once change nothing: each computes
//! the same bytes from the same prefix of the log.
//!
//! - [`record`]: what the log holds, and what it must be to be read.
//! - [`conversation`]: the state, made of a [`head`], [`member`]s, [`sender`]s and the MLS group.
//! - [`decide`]: one decision a record, by the laws of counters, epochs, consent and the judge.
//! - [`settle`]: the decision becomes the next state, under one stamp.
//! - [`effects`]: what the outside sees of it, computed from what is kept, so that a worker that
//!   skips a decision can still carry out its effects ([`mod@replay`]).

pub mod conversation;
pub mod decide;
pub mod effects;
pub mod fold;
pub mod head;
pub mod member;
pub mod recent;
pub mod record;
pub mod replay;
pub mod sender;
pub mod settle;

pub use conversation::Conversation;
pub use effects::Effects;
pub use fold::{Folded, Stop, fold};
pub use head::{GroupHead, Head};
pub use member::{Member, Members};
pub use recent::Recent;
pub use record::{Logged, Place, Record};
pub use replay::replay;
pub use sender::Sender;
