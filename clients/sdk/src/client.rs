//! What an application holds: a handle to ask, and a stream of what happens.

use std::fmt;

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use xchat_core::{
    Command, Connection, ConversationView, Engine, HistoryRow, Profile, QueuedText, Recipient,
    Scope, Settings, Ticket,
};
use xchat_crypto::Phrase;
use xchat_types::{AccountId, ConversationId, Millis, Sequence};

pub use crate::driver::Entry;
use crate::{
    driver::{Ask, Driver, Link},
    error::Error,
    profile::{Home, Opened, Server},
    rt,
    store::{Store, StoreStats},
};

/// Which profile to open, and how.
#[derive(Clone, Debug)]
pub struct Options {
    pub home: Home,
    pub profile: String,
    pub settings: Settings,
}

/// A handle to one open profile. Dropping it ends the client as a kill would: nothing is lost.
pub struct Client {
    asks: mpsc::UnboundedSender<Ask>,
    store: Store,
    server: Server,
    driver: JoinHandle<()>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// What happens, in order. An application that does not read lets events pile up.
#[derive(Debug)]
pub struct Events(mpsc::UnboundedReceiver<Entry>);

impl Events {
    /// The next event; `None` when the client has ended. Cancel-safe.
    pub async fn next(&mut self) -> Option<Entry> {
        self.0.recv().await
    }

    /// An event that is there already.
    pub fn ready(&mut self) -> Option<Entry> {
        self.0.try_recv().ok()
    }
}

/// One message of a conversation as a person sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub conversation: ConversationId,
    pub row: HistoryRow,
}

impl Client {
    /// The words of a new account, for [`Command::Register`].
    pub fn new_phrase() -> Phrase {
        Phrase::from_entropy(*rt::random())
    }

    /// Opens and locks a profile, and starts its engine; it stays offline until
    /// [`Client::connect`].
    pub async fn open(options: Options) -> Result<(Self, Events), Error> {
        let Options {
            home,
            profile,
            settings,
        } = options;
        let open = move || {
            let Opened {
                folder,
                server,
                key,
                lock,
            } = home.open(&profile)?;
            let store = Store::open(&folder.join("store.redb"), key)?;
            let rows = store.load(Scope::Device)?;
            Ok::<_, Error>((store, rows, server, lock))
        };
        let (store, rows, server, lock) = tokio::task::spawn_blocking(open)
            .await
            .map_err(|_| Error::Closed)??;
        let engine = Engine::open(settings, Box::new(rt::SystemEntropy), rows)
            .map_err(|error| Error::ProfileDamaged(error.to_string()))?;
        let (asks, asked) = mpsc::unbounded_channel();
        let (events, told) = mpsc::unbounded_channel();
        let driver = Driver {
            engine,
            store: store.clone(),
            server: server.clone(),
            asks: asked,
            events,
            link: Link::default(),
            _lock: lock,
        };
        let driver = rt::spawn(driver.run());
        Ok((
            Self {
                asks,
                store,
                server,
                driver,
            },
            Events(told),
        ))
    }

    pub const fn server(&self) -> &Server {
        &self.server
    }

    /// Goes online, and comes back after every loss.
    pub fn connect(&self) -> Result<(), Error> {
        self.ask(Ask::Connect(None))
    }

    /// The same at another address, for this time; the server must be the one of the profile.
    pub fn connect_to(&self, address: Server) -> Result<(), Error> {
        self.ask(Ask::Connect(Some(address)))
    }

    /// Hands a command in and returns when it is stored. What it leads to comes as events.
    pub async fn command(&self, command: Command) -> Result<(), Error> {
        let (taken, wait) = oneshot::channel();
        self.ask(Ask::Command(command, taken))?;
        wait.await.map_err(|_| Error::Closed)
    }

    /// A fresh name for one send.
    pub fn ticket() -> Ticket {
        Ticket(*rt::random())
    }

    /// Stores a text to be sent exactly once, now or when the server is there.
    pub async fn send(&self, to: Recipient, text: String) -> Result<Ticket, Error> {
        let ticket = Self::ticket();
        self.command(Command::Send { ticket, to, text }).await?;
        Ok(ticket)
    }

    /// Who this profile is; `None` before registration began.
    pub async fn profile(&self) -> Result<Option<Profile>, Error> {
        self.look(Engine::profile).await
    }

    pub async fn conversations(&self) -> Result<Vec<ConversationView>, Error> {
        self.look(Engine::conversations).await
    }

    /// How far the client is with its server.
    pub async fn connection(&self) -> Result<Connection, Error> {
        self.look(Engine::connection).await
    }

    /// Whether it is online and nothing changes any more unless somebody acts.
    pub async fn is_settled(&self) -> Result<bool, Error> {
        self.look(Engine::is_settled).await
    }

    /// Texts without an outcome, and why each waits.
    pub async fn outbox(&self) -> Result<Vec<QueuedText>, Error> {
        self.look(Engine::outbox).await
    }

    /// Says that the person was told of a text that came back ([`xchat_core::Event::NotSent`]),
    /// which every later client tells again until then. Does not wait; a client that is closed
    /// has done it.
    pub fn told(&self, ticket: Ticket) -> Result<(), Error> {
        let (taken, _) = oneshot::channel();
        self.ask(Ask::Command(Command::NotSentTold { ticket }, taken))
    }

    /// The words of the account, until [`Command::PhraseShown`]: they are worth showing once the
    /// account is registered.
    pub async fn unseen_phrase(&self) -> Result<Option<Phrase>, Error> {
        self.look(Engine::unseen_phrase).await
    }

    /// This device's clock less the server's, in milliseconds, as last told.
    pub async fn clock_offset(&self) -> Result<i64, Error> {
        self.look(|engine| {
            let now = rt::now();
            let server = engine.server_time(now);
            let signed = |time: Millis| i64::try_from(time.0).unwrap_or(i64::MAX);
            signed(now).saturating_sub(signed(server))
        })
        .await
    }

    /// Messages with a peer, oldest first: of all conversations with them, merged as a person
    /// sees them. `before` and `limit` page within each conversation, newest first.
    pub async fn history(
        &self,
        peer: AccountId,
        before: Option<Sequence>,
        limit: usize,
    ) -> Result<Vec<Message>, Error> {
        let with_peer = |view: &ConversationView| view.peer == peer;
        let conversations: Vec<ConversationId> = self
            .conversations()
            .await?
            .into_iter()
            .filter(with_peer)
            .map(|view| view.id)
            .collect();
        let store = self.store.clone();
        let read = move || {
            let mut messages = Vec::new();
            for conversation in conversations {
                let rows = store.history(conversation, before, limit)?;
                messages.extend(rows.into_iter().map(|row| Message { conversation, row }));
            }
            messages.sort_by_key(|message| message.row.view_key(message.conversation));
            let surplus = messages.len().saturating_sub(limit);
            Ok(messages.split_off(surplus))
        };
        tokio::task::spawn_blocking(read)
            .await
            .map_err(|_| Error::Closed)?
    }

    pub fn stats(&self) -> Result<StoreStats, Error> {
        self.store.stats()
    }

    /// Ends the client and waits until its profile is free.
    pub async fn close(self) {
        let _ = self.asks.send(Ask::Close);
        let _ = self.driver.await;
        self.store.released().await;
    }

    /// Ends the client where it stands, like a kill of the process; for tests.
    pub async fn abort(self) {
        self.driver.abort();
        let _ = self.driver.await;
        self.store.released().await;
    }

    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Engine) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (seen, wait) = oneshot::channel();
        self.ask(Ask::Look(Box::new(move |engine| {
            let _ = seen.send(look(engine));
        })))?;
        wait.await.map_err(|_| Error::Closed)
    }

    fn ask(&self, ask: Ask) -> Result<(), Error> {
        self.asks.send(ask).map_err(|_| Error::Closed)
    }
}
