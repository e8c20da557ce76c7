//! The handle on its process, and clients of a relay.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::Command,
};

use anyhow::{Context as _, Result};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::Kind;
use crate::{
    frames,
    link::SILENCE,
    load::{Endpoint, Seats},
    process::Process,
};

/// A running floor.
#[derive(Debug)]
pub(crate) struct Floor {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

impl Floor {
    /// Starts one from this very program; `path` as [`super::serve`] takes it.
    pub(crate) fn start(kind: Kind, path: Option<&Path>) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("floor").arg(kind.name()).args(path);
        let mut process = Process::start(&mut command)?;
        let stdout = process.0.stdout.take().context("no pipe")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let address = line.trim_end().strip_prefix("ready: ");
        Ok(Self {
            process,
            address: address.context("the floor did not start")?.parse()?,
        })
    }
}

/// A socket of the floor.
#[derive(Debug)]
pub(crate) struct FloorSeat {
    stream: TcpStream,
    body: Vec<u8>,
    /// Bytes read and not yet looked at.
    read: Vec<u8>,
}

/// Opens rooms of one sender and `receivers`, for frames of `bytes`.
pub(crate) async fn rooms(
    floor: &Floor,
    (count, receivers, bytes): (usize, usize, usize),
) -> Result<Vec<Seats<FloorSeat>>> {
    let mut rooms = Vec::new();
    for room in 0..count {
        let mut seats = Vec::new();
        for seat in 0..=receivers {
            let mut stream = TcpStream::connect(floor.address).await?;
            stream.set_nodelay(true)?;
            let mut hello = u32::try_from(room)?.to_be_bytes().to_vec();
            hello.push(u8::from(seat == 0));
            stream.write_all(&frames::framed(&hello)).await?;
            let seated = frames::read(&mut stream).await?;
            anyhow::ensure!(seated.is_empty(), "the floor said something else");
            seats.push(FloorSeat {
                stream,
                body: vec![0x5A; bytes.max(8)],
                read: Vec::new(),
            });
        }
        rooms.push(seats);
    }
    Ok(rooms)
}

impl FloorSeat {
    fn take(&mut self) -> Option<usize> {
        let length = u32::from_be_bytes(*self.read.first_chunk()?) as usize;
        let number = u64::from_be_bytes(*self.read.get(4..)?.first_chunk()?);
        if self.read.len() < 4 + length {
            return None;
        }
        self.read.drain(..4 + length);
        usize::try_from(number).ok()
    }
}

impl Endpoint for FloorSeat {
    async fn submit(&mut self, number: usize) -> Result<()> {
        let front = self.body.first_chunk_mut().context("a short body")?;
        *front = u64::try_from(number)?.to_be_bytes();
        self.stream.write_all(&frames::framed(&self.body)).await?;
        Ok(())
    }

    async fn arrived(&mut self) -> Result<usize> {
        loop {
            if let Some(number) = self.take() {
                return Ok(number);
            }
            let read = self.stream.read_buf(&mut self.read);
            let read = tokio::time::timeout(SILENCE, read).await;
            anyhow::ensure!(
                read.context("the floor says nothing")?? > 0,
                "the floor is gone"
            );
        }
    }

    /// The floor has no cursors.
    async fn acknowledge(&mut self) -> Result<()> {
        Ok(())
    }
}
