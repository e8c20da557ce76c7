//! A line between an adapter and its engine, for tests: slow, silent or cut at a word.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
};

/// What becomes of bytes, in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    Open,
    /// Each piece of at most 64 KiB, or each frame, comes so much later.
    Slow(Duration),
    /// Connections are taken and nothing passes: how a stopped process looks from outside.
    Silent,
    /// Connections end as soon as they begin.
    Down,
}

/// Changes what the engine says, a frame at a time (big-endian `u32` length, then the frame).
pub type Rewrite = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

#[derive(Clone, Copy, Debug)]
struct State {
    line: Line,
    cuts: u64,
}

/// Takes connections for an engine as long as it lives; when it goes, so do they.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: watch::Sender<State>,
    _accepting: JoinSet<()>,
}

impl Proxy {
    /// Passes connections of the listener on to the engine's address.
    pub fn start(
        listener: TcpListener,
        engine: SocketAddr,
        rewrite: Option<Rewrite>,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (line, cuts) = (Line::Open, 0);
        let (state, seen) = watch::channel(State { line, cuts });
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                while connections.try_join_next().is_some() {}
                connections.spawn(connect(client, engine, seen.clone(), rewrite.clone()));
            }
        });
        Ok(Self {
            address,
            state,
            _accepting: accepting,
        })
    }

    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn set(&self, line: Line) {
        self.state.send_modify(|state| state.line = line);
    }

    /// Ends every connection there is.
    pub fn cut(&self) {
        self.state
            .send_modify(|state| state.cuts = state.cuts.wrapping_add(1));
    }
}

async fn connect(
    client: TcpStream,
    engine: SocketAddr,
    mut seen: watch::Receiver<State>,
    rewrite: Option<Rewrite>,
) {
    let cuts = seen.borrow().cuts;
    let (to_engine, to_client) = (seen.clone(), seen.clone());
    let passing = async move {
        let engine = TcpStream::connect(engine).await?;
        client.set_nodelay(true)?;
        engine.set_nodelay(true)?;
        let (from_client, into_client) = client.into_split();
        let (from_engine, into_engine) = engine.into_split();
        tokio::select! {
            ended = pass(from_client, into_engine, to_engine, None) => ended,
            ended = pass(from_engine, into_client, to_client, rewrite) => ended,
        }
    };
    tokio::select! {
        _ = seen.wait_for(|state| state.line == Line::Down || state.cuts != cuts) => {}
        _ = passing => {}
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut into: OwnedWriteHalf,
    mut seen: watch::Receiver<State>,
    rewrite: Option<Rewrite>,
) -> io::Result<()> {
    loop {
        let piece = match &rewrite {
            Some(rewrite) => frame(&mut from, rewrite).await?,
            None => bytes(&mut from).await?,
        };
        if piece.is_empty() {
            return Ok(());
        }
        let state = seen.wait_for(|state| state.line != Line::Silent).await;
        let line = state.map_err(io::Error::other)?.line;
        if let Line::Slow(by) = line {
            tokio::time::sleep(by).await;
        }
        into.write_all(&piece).await?;
    }
}

async fn bytes(from: &mut OwnedReadHalf) -> io::Result<Vec<u8>> {
    let mut piece = vec![0; 64 << 10];
    let length = from.read(&mut piece).await?;
    piece.truncate(length);
    Ok(piece)
}

async fn frame(from: &mut OwnedReadHalf, rewrite: &Rewrite) -> io::Result<Vec<u8>> {
    let length = from.read_u32().await?;
    let mut frame = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    from.read_exact(&mut frame).await?;
    rewrite(&mut frame);
    let mut piece = length.to_be_bytes().to_vec();
    piece.append(&mut frame);
    Ok(piece)
}
