//! A person with one device: a profile in a temporary folder and a client on it.

use std::{fmt::Debug, path::Path, time::Duration};

use tempfile::TempDir;
use tokio::time::timeout;
use xchat_sdk::{
    AccountId, Client, Command, Entry, Event, Events, Home, Message, Options, Phrase, Recipient,
    Server, Settings, Ticket,
};

/// Nothing in these tests should take longer on a loaded machine.
const PATIENCE: Duration = Duration::from_mins(2);

#[derive(Debug)]
pub struct Person {
    pub name: String,
    pub phrase: String,
    pub account: AccountId,
    home: TempDir,
    client: Option<Client>,
    events: Option<Events>,
    /// Everything heard so far that no expectation took.
    pub heard: Vec<Event>,
}

impl Person {
    /// Makes a profile, registers it under a name, and stays online.
    pub async fn register(server: &Server, name: &str) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        Home::new(home.path())
            .create(name, server)
            .expect("a profile");
        let phrase = Phrase::from_entropy(entropy());
        let mut person = Self {
            name: name.to_owned(),
            phrase: phrase.text().to_string(),
            account: AccountId::new([0; 32]),
            home,
            client: None,
            events: None,
            heard: Vec::new(),
        };
        person.open().await;
        let register = Command::Register {
            phrase,
            keep_root: true,
            username: Some(name.to_owned()),
            invite: None,
        };
        person
            .client()
            .command(register)
            .await
            .expect("a stored registration");
        person.account = person
            .expect("registration", |event| match event {
                Event::Registered { account, .. } => Some(*account),
                Event::RegistrationRefused { reason, message } => {
                    panic!("registration refused: {reason:?} {message}")
                }
                _ => None,
            })
            .await;
        // Until its key packages are published nobody can write to this account.
        person.settled().await;
        person
    }

    /// Opens the profile and goes online.
    pub async fn open(&mut self) {
        let options = Options {
            home: Home::new(self.home.path()),
            profile: self.name.clone(),
            settings: Settings::default(),
        };
        let (client, events) = Client::open(options).await.expect("an open profile");
        client.connect().expect("a running client");
        self.client = Some(client);
        self.events = Some(events);
    }

    /// A copy of the closed profile, as it lies on the disk.
    pub fn copy(&self) -> Self {
        assert!(self.client.is_none(), "an open store is not copied whole");
        let home = tempfile::tempdir().expect("a temporary folder");
        let (from, to) = (
            self.home.path().join(&self.name),
            home.path().join(&self.name),
        );
        std::fs::create_dir(&to).expect("a folder");
        for file in std::fs::read_dir(from).expect("a profile") {
            let file = file.expect("a file");
            std::fs::copy(file.path(), to.join(file.file_name())).expect("a copy");
        }
        Self {
            name: self.name.clone(),
            phrase: self.phrase.clone(),
            account: self.account,
            home,
            client: None,
            events: None,
            heard: Vec::new(),
        }
    }

    pub fn client(&self) -> &Client {
        self.client.as_ref().expect("an open client")
    }

    pub fn folder(&self) -> &Path {
        self.home.path()
    }

    /// Ends the client in good order.
    pub async fn close(&mut self) {
        self.events = None;
        if let Some(client) = self.client.take() {
            client.close().await;
        }
    }

    /// Ends the client where it stands.
    pub async fn abort(&mut self) {
        self.events = None;
        if let Some(client) = self.client.take() {
            client.abort().await;
        }
    }

    pub async fn send(&self, to: &Person, text: &str) -> Ticket {
        self.client()
            .send(Recipient::Account(to.account), text.to_owned())
            .await
            .expect("stored")
    }

    pub async fn send_to_name(&self, name: &str, text: &str) -> Ticket {
        self.client()
            .send(Recipient::Name(name.to_owned()), text.to_owned())
            .await
            .expect("stored")
    }

    pub async fn accept(&mut self, peer: &Person) {
        let peer_account = peer.account;
        let accept = Command::Accept {
            peer: Recipient::Account(peer_account),
        };
        self.client().command(accept).await.expect("stored");
        self.expect("own accept", |event| match event {
            Event::Accepted { account, .. } if *account == peer_account => Some(()),
            _ => None,
        })
        .await;
    }

    /// Waits until the server has the text at its place.
    pub async fn sent(&mut self, ticket: Ticket) -> u64 {
        self.expect("a sent text", |event| match event {
            Event::Sent {
                ticket: sent,
                sequence,
                ..
            } if *sent == ticket => Some(sequence.0),
            Event::NotSent {
                ticket: sent,
                reason,
                ..
            } if *sent == ticket => {
                panic!("not sent: {reason:?}")
            }
            _ => None,
        })
        .await
    }

    /// Waits until nothing is in flight any more.
    pub async fn settled(&mut self) {
        self.expect("a settled client", |event| {
            matches!(event, Event::Settled).then_some(())
        })
        .await;
    }

    pub async fn received(&mut self, text: &str) {
        self.expect("a message", |event| match event {
            Event::MessageReceived { message, .. } | Event::RequestReceived { message, .. } => {
                (message.text().as_deref() == Some(text)).then_some(())
            }
            _ => None,
        })
        .await;
    }

    /// Waits until a text of a peer is in the history: its event may have come to a client that
    /// was ended before anybody read it.
    pub async fn has(&mut self, peer: &Person, text: &str) {
        let history = self.history(peer).await;
        if !history
            .iter()
            .any(|message| message.row.text().as_deref() == Some(text))
        {
            self.received(text).await;
        }
    }

    /// Waits for an event, keeping the others.
    pub async fn expect<T: Debug>(
        &mut self,
        what: &str,
        mut pick: impl FnMut(&Event) -> Option<T>,
    ) -> T {
        if let Some((index, found)) = self
            .heard
            .iter()
            .enumerate()
            .find_map(|(i, event)| Some((i, pick(event)?)))
        {
            self.heard.remove(index);
            return found;
        }
        let events = self.events.as_mut().expect("an open client");
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            match timeout(left, events.next()).await {
                Ok(Some(Entry::Event(event))) => match pick(&event) {
                    Some(found) => return found,
                    None => self.heard.push(event),
                },
                Ok(Some(Entry::Unreachable(_) | Entry::Proof(_))) => {}
                Ok(Some(Entry::Failed(error))) => panic!("{}: client failed: {error}", self.name),
                Ok(None) => panic!("{}: client ended while waiting for {what}", self.name),
                Err(_) => panic!(
                    "{} waited in vain for {what}; heard {:#?}",
                    self.name, self.heard
                ),
            }
        }
    }

    /// All messages with a peer, oldest first.
    pub async fn history(&self, peer: &Person) -> Vec<Message> {
        self.client()
            .history(peer.account, None, usize::MAX)
            .await
            .expect("a history")
    }

    /// Sequence, sender and text of all messages with a peer: equal on both sides.
    pub async fn transcript(&self, peer: &Person) -> Vec<(u64, AccountId, String)> {
        let line = |message: Message| {
            let text = message.row.text().unwrap_or_default();
            (message.row.sequence.0, message.row.sender, text)
        };
        self.history(peer).await.into_iter().map(line).collect()
    }
}

fn entropy() -> [u8; 32] {
    use std::io::Read as _;
    let mut bytes = [0; 32];
    let mut source = std::fs::File::open("/dev/urandom").expect("the system's randomness");
    source.read_exact(&mut bytes).expect("32 bytes");
    bytes
}
