//! The one task of a client: carries out what the engine asks, in order, storing first.

use std::{collections::VecDeque, future::pending, io, time::Duration};

use bytes::Bytes;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use xchat_core::{Command, Engine, Event, Input, Output};
use xchat_crypto::{
    PublicKey,
    proof::{self, SignedChallenge},
};
use xchat_types::Millis;

use crate::{error::Error, files::Lock, profile::Server, rt, socket::Socket, store::Store};

/// What a client asks of its driver.
pub(crate) enum Ask {
    Command(Command, oneshot::Sender<()>),
    /// Looks at the engine between two inputs.
    Look(Box<dyn FnOnce(&Engine) + Send>),
    /// To the profile's server, or to another address of it for this time.
    Connect(Option<Server>),
    Close,
}

pub(crate) struct Driver {
    pub(crate) engine: Engine,
    pub(crate) store: Store,
    pub(crate) server: Server,
    pub(crate) asks: mpsc::UnboundedReceiver<Ask>,
    pub(crate) events: mpsc::UnboundedSender<Entry>,
    pub(crate) link: Link,
    /// Held until the driver ends: one process a profile.
    pub(crate) _lock: Lock,
}

/// One thing that a client is told.
#[derive(Debug)]
pub enum Entry {
    Event(Event),
    /// The proof of work of a sign-up goes on.
    Proof(proof::Progress),
    /// The server could not be reached; it is tried again.
    Unreachable(io::Error),
    /// Storing failed: the client ends here, and what is stored is whole.
    Failed(Error),
}

/// The socket, or when to try for one.
#[derive(Default)]
pub(crate) struct Link {
    wanted: bool,
    socket: Option<Socket>,
    /// An attempt that goes on beside everything else, so that texts are stored meanwhile.
    connecting: Option<oneshot::Receiver<io::Result<Socket>>>,
    retry_at: Option<Instant>,
    attempts: u32,
    timer: Option<Millis>,
    proof: Option<oneshot::Receiver<Vec<u8>>>,
}

/// What the driver woke up for.
enum Wake {
    Ask(Option<Ask>),
    Frame(Option<Bytes>),
    Retry,
    Reached(io::Result<Socket>),
    Timer,
    Proof(Option<Vec<u8>>),
}

impl Driver {
    pub(crate) async fn run(mut self) {
        // What an earlier process left is told of and loaded, whatever is asked first.
        if let Err(error) = self.feed(Input::Tick).await {
            let _ = self.events.send(Entry::Failed(error));
            return;
        }
        loop {
            let done = match self.wake().await {
                Wake::Ask(None | Some(Ask::Close)) => break,
                Wake::Ask(Some(ask)) => self.ask(ask).await,
                Wake::Frame(Some(frame)) => self.feed(Input::Frame(frame)).await,
                Wake::Frame(None) => self.lost(None).await,
                Wake::Retry => {
                    self.link.connect(&self.server);
                    Ok(())
                }
                Wake::Reached(outcome) => self.reached(outcome).await,
                Wake::Timer => {
                    self.link.timer = None;
                    self.feed(Input::Tick).await
                }
                Wake::Proof(proof) => {
                    self.link.proof = None;
                    match proof {
                        Some(proof) => self.feed(Input::ProofSolved(proof)).await,
                        None => Ok(()),
                    }
                }
            };
            if let Err(error) = done {
                let _ = self.events.send(Entry::Failed(error));
                break;
            }
        }
        if let Some(socket) = self.link.socket.take() {
            socket.close().await;
        }
    }

    async fn wake(&mut self) -> Wake {
        let Link {
            socket,
            connecting,
            retry_at,
            timer,
            proof,
            ..
        } = &mut self.link;
        let retry_at = *retry_at;
        let tick_at = timer.map(|at| rt::now().until(at));
        tokio::select! {
            ask = self.asks.recv() => Wake::Ask(ask),
            frame = next(socket.as_mut()) => Wake::Frame(frame),
            outcome = reached(connecting.as_mut()) => Wake::Reached(outcome),
            () = at(retry_at) => Wake::Retry,
            () = after(tick_at) => Wake::Timer,
            proof = solved(proof.as_mut()) => Wake::Proof(proof),
        }
    }

    async fn ask(&mut self, ask: Ask) -> Result<(), Error> {
        match ask {
            Ask::Command(command, taken) => {
                self.feed(Input::Command(command)).await?;
                // Nobody waits any more: fine.
                let _ = taken.send(());
                Ok(())
            }
            Ask::Look(look) => {
                look(&self.engine);
                Ok(())
            }
            Ask::Connect(address) => {
                if let Some(address) = address {
                    self.server = address;
                }
                self.link.wanted = true;
                self.link.connect(&self.server);
                Ok(())
            }
            Ask::Close => Ok(()),
        }
    }

    async fn reached(&mut self, outcome: io::Result<Socket>) -> Result<(), Error> {
        self.link.connecting = None;
        match outcome {
            Ok(socket) => {
                self.link.socket = Some(socket);
                self.link.attempts = 0;
                self.feed(Input::Connected).await
            }
            Err(error) => {
                self.link.retry_later(None);
                let _ = self.events.send(Entry::Unreachable(error));
                Ok(())
            }
        }
    }

    async fn lost(&mut self, reconnect_after: Option<u64>) -> Result<(), Error> {
        if let Some(socket) = self.link.socket.take() {
            socket.close().await;
        }
        self.link.retry_later(reconnect_after);
        self.feed(Input::Disconnected).await
    }

    /// Hands one input in and carries out what follows, until nothing does.
    async fn feed(&mut self, input: Input) -> Result<(), Error> {
        let mut todo: VecDeque<Output> = self.engine.handle(rt::now(), input).into();
        let mut frames = Vec::new();
        while let Some(output) = todo.pop_front() {
            match output {
                Output::Persist(batch) => {
                    let (store, id) = (self.store.clone(), batch.id);
                    blocking(move || store.apply(&batch)).await?;
                    todo.extend(self.engine.handle(rt::now(), Input::Persisted(id)));
                }
                Output::Load(conversation) => {
                    let store = self.store.clone();
                    let scope = xchat_core::Scope::Conversation(conversation);
                    let rows = blocking(move || store.load(scope)).await?;
                    let loaded = Input::Loaded { conversation, rows };
                    todo.extend(self.engine.handle(rt::now(), loaded));
                }
                Output::Frame(frame) => frames.push(frame),
                Output::SolveProof { challenge, root } => {
                    self.link.solve(&challenge, root, &self.events);
                }
                Output::Timer(at) => self.link.timer = Some(at),
                Output::Close {
                    reconnect_after,
                    reason,
                } => {
                    frames.clear();
                    if !reason.is_transient() {
                        self.link.wanted = false;
                    }
                    if let Some(socket) = self.link.socket.take() {
                        socket.close().await;
                    }
                    self.link.retry_later(reconnect_after);
                    todo.extend(self.engine.handle(rt::now(), Input::Disconnected));
                }
                Output::Event(event) => {
                    let _ = self.events.send(Entry::Event(event));
                }
            }
        }
        if let Some(socket) = self.link.socket.as_mut()
            && !frames.is_empty()
            && !socket.send(frames).await
        {
            return Box::pin(self.lost(None)).await;
        }
        Ok(())
    }
}

impl Link {
    /// Tries for a socket, unless there is one or an attempt goes on.
    fn connect(&mut self, server: &Server) {
        self.retry_at = None;
        if self.socket.is_some() || self.connecting.is_some() {
            return;
        }
        let (done, outcome) = oneshot::channel();
        self.connecting = Some(outcome);
        let server = server.clone();
        rt::spawn(async move {
            let _ = done.send(Socket::connect(&server).await);
        });
    }

    /// The server's pause, or one of our own: doubling from 0.25 s to 30 s, half of it random.
    fn retry_later(&mut self, reconnect_after: Option<u64>) {
        if !self.wanted {
            self.retry_at = None;
            return;
        }
        let own = (250_u64 << self.attempts.min(7)).min(30_000);
        let jitter = u64::from(u16::from_be_bytes(*rt::random::<2>())) * own / 2 / 65_536;
        let pause = reconnect_after.unwrap_or(own / 2 + jitter);
        self.attempts = self.attempts.saturating_add(1);
        self.retry_at = Some(Instant::now() + Duration::from_millis(pause));
    }

    fn solve(&mut self, challenge: &[u8], root: PublicKey, events: &mpsc::UnboundedSender<Entry>) {
        // A challenge that can't be read stays unsolved; the engine asks for another in time.
        let Ok(signed) = SignedChallenge::from_bytes(challenge) else {
            return;
        };
        let (done, proof) = oneshot::channel();
        self.proof = Some(proof);
        let events = events.clone();
        rt::spawn(async move {
            let solved = tokio::task::spawn_blocking(move || {
                proof::solve(signed.unverified(), &root, |progress| {
                    let _ = events.send(Entry::Proof(progress));
                })
            });
            if let Ok(Ok(proof)) = solved.await {
                let _ = done.send(proof.to_bytes().to_vec());
            }
        });
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Error::Closed)?
}

async fn next(socket: Option<&mut Socket>) -> Option<Bytes> {
    match socket {
        Some(socket) => socket.next().await,
        None => pending().await,
    }
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => pending().await,
    }
}

async fn after(milliseconds: Option<u64>) {
    match milliseconds {
        Some(milliseconds) => tokio::time::sleep(Duration::from_millis(milliseconds)).await,
        None => pending().await,
    }
}

async fn reached(
    connecting: Option<&mut oneshot::Receiver<io::Result<Socket>>>,
) -> io::Result<Socket> {
    match connecting {
        Some(outcome) => outcome
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into())),
        None => pending().await,
    }
}

async fn solved(proof: Option<&mut oneshot::Receiver<Vec<u8>>>) -> Option<Vec<u8>> {
    match proof {
        Some(proof) => proof.await.ok(),
        None => pending().await,
    }
}
