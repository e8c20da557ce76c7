//! What a chat shows.

use std::fmt::Display;

use xchat_sdk::{AccountId, Event, Message, Profile};

use crate::{
    clean,
    command::history::Names,
    failure::Failure,
    peer::{Peer, short},
    screen::Screen,
    session::Session,
};

/// The view of one conversation.
#[derive(Debug)]
pub(super) struct Shown {
    screen: Screen,
    pub(super) names: Names,
    /// Of the last message shown.
    day: String,
}

impl Shown {
    pub(super) async fn new(
        session: &Session,
        own: &Profile,
        account: Option<AccountId>,
        peer: &Peer,
    ) -> Result<Self, Failure> {
        // Without an account nothing of the peer is shown, so that its name here is as typed.
        let account = account.unwrap_or(own.account);
        Ok(Self {
            screen: session.screen,
            names: Names::of(session, own, account, peer).await?,
            day: String::new(),
        })
    }

    pub(super) fn peer(&self) -> &str {
        &self.names.peer
    }

    pub(super) fn message(&mut self, message: &Message) {
        if !self.screen.is_json() {
            self.names.show(self.screen, message, &mut self.day);
        }
    }

    /// What is not a message. `false`: it could not be written.
    pub(super) fn state(&self, text: impl Display) -> bool {
        self.screen.line(self.screen.dim(format_args!("-- {text}")))
    }

    /// What the other side or somebody else did.
    pub(super) fn event(&mut self, event: &Event, account: Option<AccountId>) {
        let who = self.peer().to_owned();
        let is_peer = |told: &AccountId| Some(*told) == account;
        let other = |name: &Option<String>, account: &AccountId| {
            name.as_deref().map_or_else(|| short(account), clean::line)
        };
        match event {
            Event::MessageReceived {
                conversation,
                peer,
                name,
                message,
            } => {
                if is_peer(peer) {
                    self.message(&Message {
                        conversation: *conversation,
                        row: message.clone(),
                    });
                } else {
                    self.state(format_args!("{} wrote to you too", other(name, peer)));
                }
            }
            Event::RequestReceived {
                conversation,
                account,
                name,
                message,
            } => {
                if is_peer(account) {
                    self.message(&Message {
                        conversation: *conversation,
                        row: message.clone(),
                    });
                    self.state(format_args!(
                        "{who} asks to talk with you: /accept or /decline"
                    ));
                } else {
                    self.state(format_args!(
                        "{} asks to talk with you: `xchat requests`",
                        other(name, account)
                    ));
                }
            }
            Event::RequestAccepted { account, .. } if is_peer(account) => {
                self.state(format_args!("{who} accepted your request"));
            }
            Event::RequestDeclined { account, .. } if is_peer(account) => {
                self.state(format_args!("{who} declined your request"));
            }
            Event::PeerLeft { account, .. } if is_peer(account) => {
                self.state(format_args!("{who} left the conversation"));
            }
            Event::Accepted { account, .. } if is_peer(account) => {
                self.state(format_args!("you accepted: both can write now"));
            }
            Event::Declined { account, .. } if is_peer(account) => {
                self.state(format_args!(
                    "you declined: {who} can't write here any more"
                ));
            }
            Event::PeerUnknown { .. } => {
                self.state(format_args!("{who} does not ask for anything"));
            }
            _ => {}
        }
    }
}
