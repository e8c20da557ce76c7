//! Servers of others, started on loopback in a folder of their own and driven by the same load.

mod ejabberd;
mod nats;

use std::{
    net::{SocketAddr, TcpListener},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result};
use tempfile::TempDir;
use tokio::{io::AsyncReadExt as _, net::TcpStream};

use crate::{
    link::SILENCE,
    load::{Endpoint, Seats},
    process::Process,
};

/// Between two looks whether it answers.
const LOOK: Duration = Duration::from_millis(100);
const LOOKS: usize = 300;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Nats,
    Ejabberd,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Nats => "NATS core",
            Self::Ejabberd => "ejabberd",
        }
    }
}

/// A running server of others.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) kind: Kind,
    pub(crate) process: Process,
    address: SocketAddr,
    _folder: TempDir,
}

impl Peer {
    /// Starts one and waits until it answers; an error when it is not installed.
    pub(crate) async fn start(kind: Kind) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = match kind {
            Kind::Nats => nats::command(address),
            Kind::Ejabberd => ejabberd::command(address, folder.path())?,
        };
        let process = Process::start(&mut command)?;
        let peer = Self {
            kind,
            process,
            address,
            _folder: folder,
        };
        for _ in 0..LOOKS {
            if TcpStream::connect(address).await.is_ok() {
                return Ok(peer);
            }
            tokio::time::sleep(LOOK).await;
        }
        anyhow::bail!("it does not answer at {address}")
    }

    /// Rooms of one sender and `receivers`, for payloads of `bytes`.
    pub(crate) async fn rooms(
        &self,
        (count, receivers, bytes): (usize, usize, usize),
    ) -> Result<Vec<Seats<PeerSeat>>> {
        let mut rooms = Vec::new();
        for room in 0..count {
            let mut seats = Vec::new();
            for seat in 0..=receivers {
                let socket = Socket::connect(self.address).await?;
                let at = Place {
                    room,
                    seat,
                    group: receivers > 1,
                };
                seats.push(match self.kind {
                    Kind::Nats => PeerSeat::Nats(nats::Seat::take(socket, at, bytes).await?),
                    Kind::Ejabberd => {
                        PeerSeat::Ejabberd(ejabberd::Seat::take(socket, at, bytes).await?)
                    }
                });
            }
            rooms.push(seats);
        }
        Ok(rooms)
    }
}

/// The program of the installed version, as it names itself.
pub(crate) fn version(kind: Kind) -> Result<String> {
    let (program, arguments) = match kind {
        Kind::Nats => ("nats-server", ["--version", ""]),
        Kind::Ejabberd => ("dpkg-query", ["--showformat=${Version}", "--show"]),
    };
    let mut command = Command::new(program);
    command.args(arguments.iter().filter(|argument| !argument.is_empty()));
    if kind == Kind::Ejabberd {
        command.arg("ejabberd");
    }
    let output = command.output().context("not installed")?;
    anyhow::ensure!(output.status.success(), "not installed");
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Where a socket sits.
#[derive(Clone, Copy, Debug)]
struct Place {
    room: usize,
    /// The sender's is 0.
    seat: usize,
    /// More than one receives.
    group: bool,
}

/// A connection and what was read and not yet looked at.
#[derive(Debug)]
struct Socket {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Socket {
    async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            read: Vec::new(),
        })
    }

    /// Reads more. Cancel-safe.
    async fn more(&mut self) -> Result<()> {
        let read = self.stream.read_buf(&mut self.read);
        let read = tokio::time::timeout(SILENCE, read).await;
        anyhow::ensure!(
            read.context("it says nothing")?? > 0,
            "it closed the socket"
        );
        Ok(())
    }

    /// Position after the next `needle` at or after `from`.
    fn after(&self, from: usize, needle: &[u8]) -> Option<usize> {
        let rest = self.read.get(from..)?;
        let found = rest
            .windows(needle.len())
            .position(|window| window == needle)?;
        Some(from + found + needle.len())
    }

    /// Reads until `needle` has come, and forgets everything up to its end.
    async fn expect(&mut self, needle: &str) -> Result<()> {
        loop {
            if let Some(end) = self.after(0, needle.as_bytes()) {
                self.read.drain(..end);
                return Ok(());
            }
            self.more().await.with_context(|| {
                let heard = String::from_utf8_lossy(&self.read).into_owned();
                format!("waiting for {needle}, heard {heard}")
            })?;
        }
    }
}

/// A socket of either.
#[derive(Debug)]
pub(crate) enum PeerSeat {
    Nats(nats::Seat),
    Ejabberd(ejabberd::Seat),
}

impl Endpoint for PeerSeat {
    async fn submit(&mut self, number: usize) -> Result<()> {
        match self {
            Self::Nats(seat) => seat.submit(number).await,
            Self::Ejabberd(seat) => seat.submit(number).await,
        }
    }

    async fn arrived(&mut self) -> Result<usize> {
        match self {
            Self::Nats(seat) => seat.arrived().await,
            Self::Ejabberd(seat) => seat.arrived().await,
        }
    }

    /// Neither has cursors.
    async fn acknowledge(&mut self) -> Result<()> {
        Ok(())
    }
}
