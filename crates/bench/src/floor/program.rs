//! The relay's process.

use std::{
    collections::HashMap,
    fs::File,
    io::{ErrorKind, Write as _},
    net::TcpStream as Writer,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
};

use anyhow::{Context as _, Result};
use tokio::{io::BufReader, net::TcpListener, task::JoinSet};

use super::{HELLO, announce};
use crate::frames;

/// Sockets of a room: its sender, and those that receive.
#[derive(Debug, Default)]
struct Room {
    sender: Option<Writer>,
    receivers: Vec<Writer>,
}

type Rooms = Arc<Mutex<HashMap<u32, Room>>>;

/// Serves for ever. With a `log`, nothing is written to a socket before it is synced there.
pub(crate) async fn serve(log: Option<&Path>) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let log = log.map(File::create).transpose()?;
    let rooms = Rooms::default();
    let (frames, waiting) = mpsc::channel();
    let of_writer = Arc::clone(&rooms);
    std::thread::spawn(move || write(&waiting, log, &of_writer));
    announce(&listener)?;
    let mut tasks = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (rooms, frames) = (Arc::clone(&rooms), frames.clone());
        tasks.spawn(async move {
            // Until the generator closes it.
            let _ = read(stream, &rooms, &frames).await;
        });
    }
}

async fn read(
    stream: tokio::net::TcpStream,
    rooms: &Rooms,
    frames: &mpsc::Sender<(u32, Vec<u8>)>,
) -> Result<()> {
    // Another handle on the socket, for writing from the other thread.
    let stream = stream.into_std()?;
    let mut writer = stream.try_clone()?;
    let mut stream = BufReader::with_capacity(1_024, tokio::net::TcpStream::from_std(stream)?);
    let hello = frames::read(&mut stream).await?;
    let hello: [u8; HELLO] = hello.as_slice().try_into()?;
    let [a, b, c, d, sends] = hello;
    let number = u32::from_be_bytes([a, b, c, d]);
    {
        let mut rooms = lock(rooms);
        let room = rooms.entry(number).or_default();
        // From here on it misses nothing.
        anyhow::ensure!(put(&mut writer, &frames::framed(&[])), "gone at once");
        if sends == 0 {
            room.receivers.push(writer);
        } else {
            room.sender = Some(writer);
        }
    }
    loop {
        let body = frames::read(&mut stream).await?;
        frames
            .send((number, frames::framed(&body)))
            .ok()
            .context("the writer is gone")?;
    }
}

/// All that waits is appended, synced once, and then written to its sockets.
fn write(waiting: &mpsc::Receiver<(u32, Vec<u8>)>, mut log: Option<File>, rooms: &Rooms) {
    while let Ok(first) = waiting.recv() {
        let batch: Vec<_> = std::iter::once(first).chain(waiting.try_iter()).collect();
        if let Some(log) = &mut log {
            let bytes: Vec<&[u8]> = batch.iter().map(|(_, frame)| frame.as_slice()).collect();
            let synced = log
                .write_all(&bytes.concat())
                .and_then(|()| log.sync_data());
            if synced.is_err() {
                return;
            }
        }
        let mut rooms = lock(rooms);
        for (number, frame) in &batch {
            if let Some(room) = rooms.get_mut(number) {
                room.receivers.retain_mut(|socket| put(socket, frame));
                // Length and number: what the sender waits for.
                let ack = frames::framed(frame.get(4..12).unwrap_or_default());
                room.sender.take_if(|socket| !put(socket, &ack));
            }
        }
    }
}

/// Whether the socket still takes what is written. Its buffer holds far more than one window of a
/// room, so that a full one is a generator that has stopped reading.
fn put(socket: &mut Writer, frame: &[u8]) -> bool {
    let mut rest = frame;
    while !rest.is_empty() {
        match socket.write(rest) {
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
            Err(_) => return false,
        }
    }
    true
}

fn lock(rooms: &Rooms) -> MutexGuard<'_, HashMap<u32, Room>> {
    rooms.lock().unwrap_or_else(PoisonError::into_inner)
}
