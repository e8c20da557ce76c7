//! A profile in use: opened, connected, listened to until what was asked for has happened.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use xchat_sdk::{
    AccountId, Client, Command, Connection, Entry, Event, Events, Held, Options, Profile, Progress,
    Recipient, Server, Settings, Ticket, Warning,
};

use crate::{
    clean, exit::Exit, failure::Failure, json, peer::Peer, place::Place, reasons, screen::Screen,
    when,
};

/// Longer than a server waits before it notes what is new (`fanout.mark_interval`, 250 ms).
const QUIET: Duration = Duration::from_millis(400);

/// An open profile with a registered account, or one that is about to get it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) profile: String,
    pub(crate) screen: Screen,
    /// Where it connects.
    pub(crate) server: Server,
    /// Of which texts the command itself says that they were not sent. Of any other it is said
    /// here: a text that waited comes back in whatever command is next, and nobody else has it.
    pub(crate) tells: Tells,
    events: Events,
    patience: Duration,
}

/// Texts of which a command tells by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tells {
    #[default]
    Nothing,
    Text(Ticket),
    Everything,
}

/// One thing heard.
#[derive(Debug)]
pub(crate) enum Heard {
    Event(Box<Event>),
    Proof(Progress),
    /// An attempt to reach the server failed; it is repeated.
    Away(String),
}

/// How far a wait came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reach<T> {
    Done(T),
    /// The server is not there, and why.
    Away(String),
}

impl Session {
    pub(crate) async fn open(place: &Place, screen: Screen) -> Result<Self, Failure> {
        Self::open_profile(place, place.choose()?, screen).await
    }

    pub(crate) async fn open_profile(
        place: &Place,
        profile: String,
        screen: Screen,
    ) -> Result<Self, Failure> {
        let options = Options {
            home: place.home.clone(),
            profile: profile.clone(),
            settings: Settings {
                client: concat!("xchat-cli/", env!("CARGO_PKG_VERSION")).to_owned(),
                // A person waits for the answer.
                outcome_timeout_ms: 4_000,
                ..Settings::default()
            },
        };
        let (client, events) = Client::open(options).await?;
        let server = place.server.clone();
        Ok(Self {
            server: server.unwrap_or_else(|| client.server().clone()),
            client,
            profile,
            screen,
            tells: Tells::Nothing,
            events,
            patience: place.patience,
        })
    }

    /// Who this profile is; a profile without an account is refused.
    pub(crate) async fn account(&self) -> Result<Profile, Failure> {
        let profile = self.client.profile().await?;
        let profile = profile.filter(|profile| profile.registered);
        let profile = profile.ok_or_else(reasons::not_registered)?;
        if self.client.unseen_phrase().await?.is_some() {
            let name = profile.username.as_deref().unwrap_or(&self.profile);
            let text = format_args!(
                "the 24 words of this account were not shown yet: `xchat --profile {} register {}` shows them",
                self.profile,
                clean::line(name)
            );
            self.screen.warning("words_unseen", text);
        }
        Ok(profile)
    }

    pub(crate) fn connect(&self) -> Result<(), Failure> {
        Ok(self.client.connect_to(self.server.clone())?)
    }

    /// The next thing that happens. Warnings are printed on the way; what makes going on senseless
    /// is the error. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<Heard, Failure> {
        match self.events.next().await {
            Some(Entry::Event(event)) => {
                self.warn(&event)?;
                Ok(Heard::Event(Box::new(event)))
            }
            Some(Entry::Proof(progress)) => Ok(Heard::Proof(progress)),
            Some(Entry::Unreachable(error)) => Ok(Heard::Away(without_number(&error.to_string()))),
            Some(Entry::Failed(error)) => Err(error.into()),
            None => Err(xchat_sdk::Error::Closed.into()),
        }
    }

    /// Hears events that are there already.
    pub(crate) fn hear_ready(&mut self, mut hear: impl FnMut(&Event)) -> Result<(), Failure> {
        while let Some(entry) = self.events.ready() {
            match entry {
                Entry::Event(event) => {
                    self.warn(&event)?;
                    hear(&event);
                }
                Entry::Failed(error) => return Err(error.into()),
                Entry::Proof(_) | Entry::Unreachable(_) => {}
            }
        }
        Ok(())
    }

    /// Waits until `pick` takes an event, the server turns out to be away, or patience ends.
    pub(crate) async fn until<T>(
        &mut self,
        mut pick: impl FnMut(&Event) -> Option<T>,
    ) -> Result<Reach<T>, Failure> {
        let deadline = Instant::now() + self.patience;
        loop {
            match timeout_at(deadline, self.next()).await {
                Err(_) => return Ok(self.silent()),
                Ok(heard) => match heard? {
                    Heard::Event(event) => {
                        if let Some(picked) = pick(&event) {
                            return Ok(Reach::Done(picked));
                        }
                    }
                    Heard::Proof(_) => {}
                    Heard::Away(why) => return Ok(Reach::Away(why)),
                },
            }
        }
    }

    /// Waits until everything that can be sent and fetched is.
    pub(crate) async fn settle(
        &mut self,
        mut hear: impl FnMut(&Event),
    ) -> Result<Reach<()>, Failure> {
        let deadline = Instant::now() + self.patience;
        loop {
            if self.client.is_settled().await? {
                self.hear_ready(&mut hear)?;
                return Ok(Reach::Done(()));
            }
            match timeout_at(deadline, self.next()).await {
                Err(_) => return Ok(self.silent()),
                Ok(heard) => match heard? {
                    Heard::Event(event) => hear(&event),
                    Heard::Proof(_) => {}
                    Heard::Away(why) => return Ok(Reach::Away(why)),
                },
            }
        }
    }

    /// Settles, and stays until nothing comes any more: a server takes a moment to note for whom it
    /// has something new, so that what was sent just before this may not be there at once.
    pub(crate) async fn gather(
        &mut self,
        mut hear: impl FnMut(&Event),
    ) -> Result<Reach<()>, Failure> {
        loop {
            let reach = self.settle(&mut hear).await?;
            if reach != Reach::Done(()) {
                return Ok(reach);
            }
            match timeout_at(Instant::now() + QUIET, self.next()).await {
                Err(_) => return Ok(reach),
                Ok(heard) => match heard? {
                    Heard::Event(event) => hear(&event),
                    Heard::Proof(_) | Heard::Away(_) => {}
                },
            }
        }
    }

    /// Connects and gathers; where the server is away, says so and goes on with what is here.
    pub(crate) async fn catch_up(&mut self) -> Result<Reach<()>, Failure> {
        self.connect()?;
        let reach = self.gather(|_| {}).await?;
        if let Reach::Away(why) = &reach {
            let server = &self.server;
            let text = format_args!("{server} can't be reached ({why}); this is what is here");
            self.screen.warning("server_unreachable", text);
        }
        Ok(reach)
    }

    fn silent<T>(&self) -> Reach<T> {
        Reach::Away(format!("no answer within {} s", self.patience.as_secs()))
    }

    /// The account of a peer: known here, or looked up if the server is there.
    pub(crate) async fn resolve(&mut self, peer: &Peer) -> Result<AccountId, Failure> {
        let name = match &peer.recipient {
            Recipient::Account(account) => return Ok(*account),
            Recipient::Name(name) => name.clone(),
            Recipient::Conversation(_) => return Err(reasons::unknown_name(&peer.shown())),
        };
        self.client
            .command(Command::Resolve { name: name.clone() })
            .await?;
        let found = self
            .until(|event| match event {
                Event::Resolved {
                    name: told,
                    account,
                } if *told == name => Some(Some(*account)),
                Event::NameUnknown { name: told } if *told == name => Some(None),
                _ => None,
            })
            .await?;
        match found {
            Reach::Done(Some(account)) => Ok(account),
            Reach::Done(None) if self.client.connection().await? == Connection::Ready => {
                Err(reasons::unknown_name(&peer.shown()))
            }
            Reach::Done(None) | Reach::Away(_) => Err(self.not_looked_up(peer)),
        }
    }

    fn not_looked_up(&self, peer: &Peer) -> Failure {
        Failure::new(
            Exit::Unavailable,
            "name_unresolved",
            format!(
                "{} was never looked up, and the server {} can't be reached",
                peer.shown(),
                self.server
            ),
            "do the same again when it is there",
        )
    }

    pub(crate) fn unreachable(&self, why: &str) -> Failure {
        Failure::new(
            Exit::Unavailable,
            "server_unreachable",
            format!("the server {} can't be reached: {why}", self.server),
            "look whether it runs (`make run` starts one here) and whether the address is right (--server)",
        )
    }

    /// Ends in good order; what is stored is whole in any case.
    pub(crate) async fn close(self) {
        self.client.close().await;
    }

    fn warn(&self, event: &Event) -> Result<(), Failure> {
        match event {
            Event::NotSent {
                ticket,
                to,
                text,
                reason,
                ..
            } => {
                let told = match self.tells {
                    Tells::Nothing => false,
                    Tells::Text(own) => own == *ticket,
                    Tells::Everything => true,
                };
                if !told {
                    let line = reasons::came_back(*reason, to.as_deref(), text);
                    let returned = json::Returned {
                        ticket: &json::ticket(ticket),
                        to: to.as_deref(),
                        text,
                    };
                    if self.screen.returned(reason.name(), &line, returned) {
                        self.client.told(*ticket)?;
                    }
                }
                Ok(())
            }
            Event::Warning(warning) => self.warn_of(*warning),
            Event::Security { event, .. } => {
                self.screen.warning(event.name(), reasons::security(*event));
                Ok(())
            }
            Event::Suspended { why, .. } => {
                let text = format!("a conversation is suspended: {}", reasons::suspension(*why));
                self.screen.warning(why.name(), text);
                Ok(())
            }
            Event::ServerRefused {
                request: "login",
                reason,
                ..
            } => Err(reasons::refused("the login of this device", *reason)),
            Event::ServerRefused {
                request, reason, ..
            } => {
                let failure = reasons::refused(request, *reason);
                self.screen.warning(&failure.reason, failure.what);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn warn_of(&self, warning: Warning) -> Result<(), Failure> {
        let off = |milliseconds: i64| {
            let side = if milliseconds < 0 {
                "behind"
            } else {
                "ahead of"
            };
            format!(
                "this device's clock is {} {side} the server's",
                when::span(milliseconds.unsigned_abs())
            )
        };
        match warning {
            Warning::ClockOff { milliseconds } => {
                self.screen.warning(
                    "clock_off",
                    format_args!("{}; set it right", off(milliseconds)),
                );
                Ok(())
            }
            Warning::ClockStopped { milliseconds } => {
                let text = format!(
                    "{}: nothing is sent until it is set right",
                    off(milliseconds)
                );
                self.screen.warning("clock_skew", text);
                Ok(())
            }
            Warning::OtherServer => Err(Failure::new(
                Exit::Config,
                "other_server",
                format!(
                    "at {} there is another server than the one of profile {}",
                    self.server, self.profile
                ),
                "look whether the address is right; if the server was set up anew, register again",
            )),
            Warning::Replaced => Err(Failure::new(
                Exit::Temp,
                "replaced",
                format!(
                    "another copy of profile {} has connected; what was not sent is kept here",
                    self.profile
                ),
                "use only one copy of a profile: two spoil each other's conversations",
            )),
            Warning::ServerVersion { server, client } => Err(Failure::new(
                Exit::Protocol,
                "unsupported_version",
                format!(
                    "the server speaks version {server} of the protocol, this program version {client}"
                ),
                "use a program and a server of the same version",
            )),
        }
    }
}

/// `Connection refused` of `Connection refused (os error 111)`: the number tells people nothing.
pub(crate) fn without_number(error: &str) -> String {
    let words = error.split_once(" (os error").map(|(words, _)| words);
    words.unwrap_or(error).to_owned()
}

/// Why a text that is stored does not go, once all that can go has gone.
pub(crate) async fn why_held(session: &Session, ticket: Ticket) -> Result<Held, Failure> {
    let outbox = session.client.outbox().await?;
    let text = outbox.iter().find(|text| text.ticket == ticket);
    // One that is on its way waits for a server that does not answer.
    Ok(text.and_then(|text| text.held).unwrap_or(Held::Offline))
}
