//! NATS core: one subject a room; `verbose`, so that the sender hears `+OK` of each message.

use std::{net::SocketAddr, process::Command};

use anyhow::{Context as _, Result, bail};
use tokio::io::AsyncWriteExt as _;

use super::{Place, Socket};

const LINE: &[u8] = b"\r\n";

pub(super) fn command(address: SocketAddr) -> Command {
    let mut command = Command::new("nats-server");
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    command.args(["--addr", &host, "--port", &port, "--log", "/dev/null"]);
    command
}

#[derive(Debug)]
pub(crate) struct Seat {
    socket: Socket,
    room: usize,
    body: Vec<u8>,
    confirmed: usize,
}

impl Seat {
    pub(super) async fn take(mut socket: Socket, at: Place, bytes: usize) -> Result<Self> {
        socket.expect("\r\n").await?;
        let connect = b"CONNECT {\"verbose\":true,\"pedantic\":false}\r\n";
        socket.stream.write_all(connect).await?;
        socket.expect("+OK\r\n").await?;
        if at.seat > 0 {
            let subscribe = format!("SUB room.{} 1\r\n", at.room);
            socket.stream.write_all(subscribe.as_bytes()).await?;
            socket.expect("+OK\r\n").await?;
        }
        Ok(Self {
            socket,
            room: at.room,
            body: vec![0x5A; bytes.max(8)],
            confirmed: 0,
        })
    }

    pub(super) async fn submit(&mut self, number: usize) -> Result<()> {
        if number == 0 {
            self.confirmed = 0;
        }
        let front = self.body.first_chunk_mut().context("a short body")?;
        *front = u64::try_from(number)?.to_be_bytes();
        let head = format!("PUB room.{} {}\r\n", self.room, self.body.len());
        let frame = [head.as_bytes(), &self.body, LINE].concat();
        Ok(self.socket.stream.write_all(&frame).await?)
    }

    pub(super) async fn arrived(&mut self) -> Result<usize> {
        loop {
            if let Some(end) = self.socket.after(0, LINE) {
                let line = self.socket.read.get(..end).unwrap_or_default();
                let line = String::from_utf8_lossy(line).trim_end().to_owned();
                if let Some(message) = line.strip_prefix("MSG ") {
                    if let Some(number) = self.message(message, end)? {
                        return Ok(number);
                    }
                } else {
                    self.socket.read.drain(..end);
                    match line.as_str() {
                        "+OK" => {
                            self.confirmed += 1;
                            return Ok(self.confirmed - 1);
                        }
                        "PING" => self.socket.stream.write_all(b"PONG\r\n").await?,
                        other => bail!("NATS said {other}"),
                    }
                    continue;
                }
            }
            self.socket.more().await?;
        }
    }

    /// The number of the message after its line, if all of it has come.
    fn message(&mut self, line: &str, at: usize) -> Result<Option<usize>> {
        let length: usize = line.rsplit(' ').next().context("no length")?.parse()?;
        anyhow::ensure!(length == self.body.len(), "a message of {length} bytes");
        let end = at + length + LINE.len();
        if self.socket.read.len() < end {
            return Ok(None);
        }
        let body = self.socket.read.get(at..at + length).context("a body")?;
        let (number, rest) = body.split_first_chunk().context("a short body")?;
        let number = usize::try_from(u64::from_be_bytes(*number))?;
        anyhow::ensure!(
            Some(rest) == self.body.get(8..),
            "message {number} came damaged"
        );
        self.socket.read.drain(..end);
        Ok(Some(number))
    }
}
