//! The floor: the same work with nothing around it. A process that reads frames, may append them to
//! a file with one fdatasync for all that wait, and writes them to the other sockets of their room.

mod client;
mod program;

pub(crate) use client::{Floor, rooms};
pub(crate) use program::serve;

/// First frame of each socket: its room, and whether it sends.
const HELLO: usize = 5;
