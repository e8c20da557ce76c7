//! The floor of a login: a socket is accepted, gets a nonce, and one signature over it is verified.
//! What comes with the signature is appended and synced, when there is a log.

use std::{fs::File, io::Write as _, net::SocketAddr, path::Path, sync::mpsc};

use anyhow::{Context as _, Result};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpSocket, TcpStream},
    sync::oneshot,
    task::JoinSet,
};
use xchat_crypto::{PublicKey, SecretKey, Signature};

use super::announce;
use crate::{frames, person::random};

/// Connections that are being made at once.
const AT_ONCE: usize = 64;
const NONCE: usize = 32;
const SOURCE: [u8; 4] = [127, 0, 1, 1];

type Log = mpsc::Sender<(Vec<u8>, oneshot::Sender<()>)>;

/// Serves for ever.
pub(crate) async fn serve(log: Option<&Path>) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let log = log.map(File::create).transpose()?.map(|file| {
        let (entries, waiting) = mpsc::channel();
        std::thread::spawn(move || write(&waiting, file));
        entries
    });
    announce(&listener)?;
    let mut tasks = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        let log = log.clone();
        tasks.spawn(async move { greet(stream, log).await });
        while tasks.try_join_next().is_some() {}
    }
}

async fn greet(mut stream: TcpStream, log: Option<Log>) -> Result<()> {
    stream.set_nodelay(true)?;
    let nonce: [u8; NONCE] = random();
    stream.write_all(&frames::framed(&nonce)).await?;
    let answer = frames::read(&mut stream).await?;
    let (key, rest) = answer.split_first_chunk::<32>().context("no key")?;
    let (signature, rest) = rest.split_first_chunk::<64>().context("no signature")?;
    let key = PublicKey::try_from(key.as_slice())
        .ok()
        .context("the key")?;
    let signature = Signature::try_from(signature.as_slice());
    let signature = signature.ok().context("the signature")?;
    key.verify_unlabelled(&nonce, &signature)?;
    if let Some(log) = log {
        let (synced, done) = oneshot::channel();
        let told = log.send((rest.to_vec(), synced));
        told.ok().context("the writer is gone")?;
        done.await?;
    }
    stream.write_all(&frames::framed(&[])).await?;
    // Until the other side closes it.
    let _ = frames::read(&mut stream).await;
    Ok(())
}

/// One fdatasync for all that wait.
fn write(waiting: &mpsc::Receiver<(Vec<u8>, oneshot::Sender<()>)>, mut file: File) {
    while let Ok(first) = waiting.recv() {
        let batch: Vec<_> = std::iter::once(first).chain(waiting.try_iter()).collect();
        let bytes: Vec<&[u8]> = batch.iter().map(|(bytes, _)| bytes.as_slice()).collect();
        let written = file.write_all(&bytes.concat());
        if written.and_then(|()| file.sync_data()).is_err() {
            return;
        }
        for (_, synced) in batch {
            let _ = synced.send(());
        }
    }
}

/// `count` logins, each with `bytes` more; the sockets are closed when all are in.
pub(crate) async fn enter(
    address: SocketAddr,
    key: &SecretKey,
    (count, bytes): (usize, usize),
) -> Result<()> {
    let mut inside = Vec::with_capacity(count);
    let mut entering = JoinSet::new();
    let mut begun = 0;
    loop {
        while begun < count && entering.len() < AT_ONCE {
            let key = key.clone();
            entering.spawn(async move { enter_one(address, &key, bytes).await });
            begun += 1;
        }
        match entering.join_next().await {
            Some(stream) => inside.push(stream??),
            None => return Ok(()),
        }
    }
}

async fn enter_one(address: SocketAddr, key: &SecretKey, bytes: usize) -> Result<TcpStream> {
    // Not from the address that the server's clients come from: ports are few.
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((SOURCE, 0)))?;
    let mut stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    let nonce = frames::read(&mut stream).await?;
    let mut answer = key.public().as_bytes().to_vec();
    answer.extend(key.sign_unlabelled(&nonce).as_bytes());
    answer.resize(answer.len() + bytes, 0x5A);
    stream.write_all(&frames::framed(&answer)).await?;
    frames::read(&mut stream).await?;
    Ok(stream)
}
