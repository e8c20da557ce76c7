//! The floor: the same work with nothing around it, as a process of its own.
//!
//! Relay: reads frames, may append them to a file with one fdatasync for all that wait, and writes
//! them to the other sockets of their room. Door: accepts, verifies, may sync. Stream: files to
//! sockets.

mod client;
mod door;
mod program;
mod stream;

use std::path::Path;

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use tokio::net::TcpListener;

pub(crate) use client::{Floor, rooms};
pub(crate) use door::enter;
pub(crate) use stream::read_all;

/// First frame of each socket of a relay: its room, and whether it sends.
const HELLO: usize = 5;

/// Which work.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Kind {
    Relay,
    Door,
    Stream,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Door => "door",
            Self::Stream => "stream",
        }
    }
}

/// Serves for ever. `path`: the log of a relay or door that is to sync, the folder of a stream.
pub(crate) async fn serve(kind: Kind, path: Option<&Path>) -> Result<()> {
    match kind {
        Kind::Relay => program::serve(path).await,
        Kind::Door => door::serve(path).await,
        Kind::Stream => stream::serve(path.context("a stream needs a folder")?).await,
    }
}

#[allow(clippy::print_stdout, reason = "the parent waits for this line")]
fn announce(listener: &TcpListener) -> Result<()> {
    println!("ready: {}", listener.local_addr()?);
    Ok(())
}
