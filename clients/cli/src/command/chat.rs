//! `xchat chat PEER`: line mode.

use std::collections::HashMap;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines, Stdin};
use xchat_sdk::{Entry, Event, Message, Recipient, Ticket};

use super::send;
use crate::{
    arguments::Arguments,
    failure::Failure,
    output::Output,
    peer::{self, Known},
    session::{self, Session},
    text,
};

const SHOWN_AT_START: usize = 10;

struct Chat<'a> {
    session: Session<'a>,
    peer: Known,
    own_name: String,
    output: &'a Output,
    /// What was typed and has no outcome yet.
    open: HashMap<Ticket, String>,
    is_offline: bool,
}

pub(crate) async fn run(
    arguments: &Arguments,
    typed: &str,
    output: &Output,
) -> Result<(), Failure> {
    let mut session = Session::open(arguments, output).await?;
    let peer = peer::find(&mut session, typed).await?;
    session.client.connect()?;
    let own_name = session.own_name();
    let mut chat = Chat {
        session,
        peer,
        own_name,
        output,
        open: HashMap::new(),
        is_offline: false,
    };
    chat.greet().await?;
    chat.talk().await?;
    chat.finish().await
}

impl Chat<'_> {
    async fn greet(&self) -> Result<(), Failure> {
        let name = text::safe(&self.peer.name, false);
        self.output.line(format!(
            "Chat with {name}. A line is a message; /quit or Ctrl-D leaves."
        ));
        let history = self
            .session
            .client
            .history(self.peer.account, None, SHOWN_AT_START)
            .await?;
        for message in &history {
            self.show(message);
        }
        Ok(())
    }

    fn show(&self, message: &Message) {
        let own = self.session.profile.account;
        self.output
            .message(message, own, &self.own_name, &self.peer.name);
    }

    async fn talk(&mut self) -> Result<(), Failure> {
        let mut lines: Lines<BufReader<Stdin>> = BufReader::new(tokio::io::stdin()).lines();
        loop {
            tokio::select! {
                line = lines.next_line() => match line {
                    Ok(Some(line)) if line.trim() == "/quit" => return Ok(()),
                    Ok(Some(line)) => self.say(line).await?,
                    // The end of a pipe, or of the terminal.
                    Ok(None) | Err(_) => return Ok(()),
                },
                entry = self.session.next() => self.hear(entry)?,
            }
        }
    }

    async fn say(&mut self, line: String) -> Result<(), Failure> {
        if line.trim().is_empty() {
            return Ok(());
        }
        let to = Recipient::Account(self.peer.account);
        let ticket = self.session.client.send(to, line.clone()).await?;
        self.open.insert(ticket, line);
        Ok(())
    }

    fn hear(&mut self, entry: Option<Entry>) -> Result<(), Failure> {
        match entry {
            None => Err(xchat_sdk::Error::Closed.into()),
            Some(Entry::Failed(error)) => Err(error.into()),
            Some(Entry::Unreachable(_)) => {
                if !self.is_offline {
                    self.is_offline = true;
                    self.output
                        .line("  (the server can't be reached; what you write waits)");
                }
                Ok(())
            }
            Some(Entry::Proof(_)) => Ok(()),
            Some(Entry::Event(event)) => self.happen(&event),
        }
    }

    fn happen(&mut self, event: &Event) -> Result<(), Failure> {
        let name = text::safe(&self.peer.name, false);
        match event {
            Event::Settled if self.is_offline => {
                self.is_offline = false;
                self.output.line("  (the server is back)");
            }
            Event::MessageReceived {
                conversation,
                peer,
                message,
                ..
            }
            | Event::RequestReceived {
                conversation,
                account: peer,
                message,
                ..
            } if *peer == self.peer.account => {
                self.show(&Message {
                    conversation: *conversation,
                    row: message.clone(),
                });
                if matches!(event, Event::RequestReceived { .. }) {
                    self.output
                        .line(format!("  ({name} asks to talk: `xchat accept {name}`)"));
                }
            }
            Event::Sent { ticket, .. } => {
                self.open.remove(ticket);
            }
            Event::NotSent { ticket, reason, .. } => {
                if let Some(line) = self.open.remove(ticket) {
                    let failure = Failure::not_sent(*reason, &name);
                    self.output.line(format!(
                        "  ({}: {})",
                        failure.message,
                        text::safe(&line, false)
                    ));
                }
            }
            Event::Queued {
                ticket,
                held: Some(held),
                ..
            } if self.open.contains_key(ticket) => {
                if !self.is_offline {
                    self.output
                        .line(format!("  (waits: {})", send::why(*held, &name)));
                }
            }
            Event::RequestAccepted { account, .. } if *account == self.peer.account => {
                self.output.line(format!("  ({name} accepted)"));
            }
            Event::RequestDeclined { account, .. } if *account == self.peer.account => {
                self.output.line(format!("  ({name} declined)"));
            }
            Event::PeerLeft { account, .. } if *account == self.peer.account => {
                self.output.line(format!("  ({name} left)"));
            }
            other => session::notice(self.output, other)?,
        }
        Ok(())
    }

    /// Gives what was typed last a moment to go out; what does not, waits in the store.
    async fn finish(mut self) -> Result<(), Failure> {
        let moment = std::time::Duration::from_secs(5);
        let deadline = tokio::time::Instant::now() + moment;
        while !self.open.is_empty() && !self.is_offline {
            match tokio::time::timeout_at(deadline, self.session.next()).await {
                Ok(entry) => self.hear(entry)?,
                Err(_) => break,
            }
        }
        let waiting = self.open.len();
        self.session.close().await;
        if waiting > 0 {
            self.output.line(format!(
                "  ({waiting} waiting: they go out with the next command)"
            ));
        }
        Ok(())
    }
}
