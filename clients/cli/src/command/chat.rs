//! `xchat chat PEER`: lines typed are sent, lines received are shown, until `/quit` or Ctrl-C.

mod keyboard;
mod show;

use std::collections::BTreeMap;

use tokio::sync::mpsc;
use xchat_sdk::{AccountId, Command, Connection, Event, Phase, Profile, Recipient, Ticket};

use self::{
    keyboard::{Typed, keyboard},
    show::Shown,
};
use super::history::Names;
use crate::{
    args::Whom,
    exit::Exit,
    failure::Failure,
    json::{self, Happened},
    peer::Peer,
    reasons,
    session::{Heard, Reach, Session, Tells},
};

/// Messages shown at the beginning.
const LOOK_BACK: usize = 20;

/// An open chat.
struct Chat {
    session: Session,
    peer: Peer,
    /// Unknown while its name was never looked up.
    account: Option<AccountId>,
    own: Profile,
    shown: Shown,
    /// Texts typed here whose fate is open.
    open: BTreeMap<Ticket, String>,
    away: bool,
}

/// Whether the chat goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    GoOn,
    /// Ctrl-C: at once, for what waits is kept.
    Stop,
    /// `/quit`, or the end of the input: when everything that can be sent is.
    Finish,
}

pub(crate) async fn run(args: &Whom, mut session: Session) -> Result<Exit, Failure> {
    let peer = Peer::parse(&args.peer)?;
    let own = session.account().await?;
    peer.check_server(session.client.server())?;
    session.connect()?;
    let reach = session.settle(|_| {}).await?;
    let account = match session.resolve(&peer).await {
        Ok(account) => Some(account),
        // Lines can be typed all the same: they wait for the name.
        Err(failure) if failure.exit == Exit::Unavailable => None,
        Err(failure) => return Err(failure),
    };
    session.tells = Tells::Everything;
    let mut chat = Chat {
        shown: Shown::new(&session, &own, account, &peer).await?,
        away: matches!(reach, Reach::Away(_)),
        session,
        peer,
        account,
        own,
        open: BTreeMap::new(),
    };
    chat.begin().await?;
    let done = chat.talk().await;
    let waiting = !chat.open.is_empty();
    chat.session.close().await;
    done?;
    Ok(if waiting { Exit::Temp } else { Exit::Ok })
}

impl Chat {
    async fn begin(&mut self) -> Result<(), Failure> {
        if let Some(account) = self.account {
            let messages = self
                .session
                .client
                .history(account, None, LOOK_BACK)
                .await?;
            for message in &messages {
                self.shown.message(message);
            }
        }
        let screen = self.session.screen;
        let who = self.shown.peer().to_owned();
        screen.line(screen.dim(format_args!(
            "-- chat with {who}: type a line to send it, /quit leaves"
        )));
        let state = match self.phase().await? {
            Some(Phase::Invited) => format!(
                "{who} asks to talk with you: /accept or /decline; a line that you type accepts"
            ),
            Some(Phase::Asked) => format!("{who} has not accepted yet; what you type waits"),
            None => {
                format!("nothing was said yet: your first line asks {who} to talk with you")
            }
            Some(_) => String::new(),
        };
        if !state.is_empty() {
            self.shown.state(state);
        }
        if self.away {
            self.shown
                .state("the server can't be reached; what you type waits");
        }
        Ok(())
    }

    /// Where the conversation with the peer stands, the liveliest if there are several.
    async fn phase(&self) -> Result<Option<Phase>, Failure> {
        let conversations = self.session.client.conversations().await?;
        let of_peer = conversations
            .iter()
            .filter(|view| Some(view.peer) == self.account);
        let phases: Vec<Phase> = of_peer.map(|view| view.phase).collect();
        let open = phases.iter().find(|phase| **phase == Phase::Open);
        Ok(open.or(phases.first()).copied())
    }

    async fn talk(&mut self) -> Result<(), Failure> {
        let mut typed = keyboard();
        loop {
            let next = tokio::select! {
                line = typed.recv() => self.typed(line).await?,
                heard = self.session.next() => self.heard(heard?).await?,
                _ = tokio::signal::ctrl_c() => Next::Stop,
            };
            match next {
                Next::GoOn => {}
                Next::Stop => return Ok(()),
                Next::Finish => return self.finish().await,
            }
        }
    }

    /// What can be sent is, unless Ctrl-C comes first; then the chat ends.
    async fn finish(&mut self) -> Result<(), Failure> {
        if self.away {
            return Ok(());
        }
        let mut events = Vec::new();
        tokio::select! {
            reach = self.session.settle(|event| events.push(event.clone())) => { reach?; }
            _ = tokio::signal::ctrl_c() => {}
        }
        for event in events {
            self.happened(&event).await?;
        }
        Ok(())
    }

    async fn typed(&mut self, typed: Option<Typed>) -> Result<Next, Failure> {
        match typed {
            None | Some(Typed::Quit) => return Ok(Next::Finish),
            Some(Typed::Nothing) => {}
            Some(Typed::Help) => {
                self.shown.state(
                    "/accept and /decline answer a request, /quit leaves, //text sends /text",
                );
            }
            Some(Typed::Unknown(word)) => {
                self.shown.state(format_args!(
                    "there is no {word}; /help lists what there is"
                ));
            }
            Some(Typed::Answer(accept)) => self.answer(accept).await?,
            Some(Typed::Text(text)) => self.send(text).await?,
        }
        Ok(Next::GoOn)
    }

    async fn answer(&mut self, accept: bool) -> Result<(), Failure> {
        let peer = self.recipient();
        let command = if accept {
            Command::Accept { peer }
        } else {
            Command::Decline { peer }
        };
        Ok(self.session.client.command(command).await?)
    }

    async fn send(&mut self, text: String) -> Result<(), Failure> {
        let ticket = self
            .session
            .client
            .send(self.recipient(), text.clone())
            .await?;
        self.open.insert(ticket, text);
        Ok(())
    }

    fn recipient(&self) -> Recipient {
        self.account
            .map_or_else(|| self.peer.recipient.clone(), Recipient::Account)
    }

    async fn heard(&mut self, heard: Heard) -> Result<Next, Failure> {
        match heard {
            Heard::Proof(_) => {}
            Heard::Away(why) => {
                if !self.away {
                    self.away = true;
                    self.session.screen.json(&Happened::Away { reason: why });
                    self.shown
                        .state("the server went away; what you type waits");
                }
            }
            Heard::Event(event) => self.happened(&event).await?,
        }
        Ok(Next::GoOn)
    }

    async fn happened(&mut self, event: &Event) -> Result<(), Failure> {
        if let Some(happened) = super::sync::happened(event, self.own.account) {
            self.session.screen.json(&happened);
        }
        match event {
            Event::Connection(Connection::Ready) => self.back().await?,
            Event::Resolved { name, account }
                if self.peer.recipient == Recipient::Name(name.clone()) =>
            {
                self.account = Some(*account);
                self.shown.names =
                    Names::of(&self.session, &self.own, *account, &self.peer).await?;
            }
            Event::NameUnknown { name } if !self.away && self.account.is_none() => {
                self.shown.state(format_args!(
                    "nobody on this server is called {}",
                    crate::clean::line(name)
                ));
            }
            Event::Sent { ticket, .. } => self.sent(*ticket).await?,
            Event::Queued {
                ticket,
                held: Some(held),
                ..
            } if self.open.contains_key(ticket) => {
                self.shown
                    .state(format_args!("it waits: {}", reasons::held(*held)));
            }
            Event::NotSent {
                ticket,
                to,
                text,
                reason,
                ..
            } => {
                let typed_here = self.open.remove(ticket).is_some();
                let written = self.shown.state(if typed_here {
                    reasons::not_sent(*reason, self.shown.peer()).what
                } else {
                    reasons::came_back(*reason, to.as_deref(), text)
                });
                if written {
                    self.session.client.told(*ticket)?;
                }
            }
            event => self.shown.event(event, self.account),
        }
        Ok(())
    }

    async fn back(&mut self) -> Result<(), Failure> {
        if self.away {
            self.away = false;
            self.shown.state("the server is there again");
        }
        if let (None, Recipient::Name(name)) = (self.account, &self.peer.recipient) {
            let name = name.clone();
            self.session
                .client
                .command(Command::Resolve { name })
                .await?;
        }
        Ok(())
    }

    /// An own text has its place: it is shown as the history will show it.
    async fn sent(&mut self, ticket: Ticket) -> Result<(), Failure> {
        self.open.remove(&ticket);
        let Some(account) = self.account else {
            return Ok(());
        };
        let messages = self
            .session
            .client
            .history(account, None, 2 * LOOK_BACK)
            .await?;
        let own = messages
            .iter()
            .find(|message| message.row.ticket == Some(ticket));
        if let Some(message) = own {
            self.session.screen.json(&Happened::Message(json::Said::of(
                message,
                self.own.account,
            )));
            self.shown.message(message);
        }
        Ok(())
    }
}

/// Lines of the keyboard, or of a file.
type Lines = mpsc::Receiver<Typed>;
