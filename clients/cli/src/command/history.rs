//! `xchat history PEER`: what was said, from the own store, after a look for what is new.

use xchat_sdk::{AccountId, Message, Profile, Sequence};

use crate::{
    args::History, clean, exit::Exit, failure::Failure, json, peer::Peer, screen::Screen,
    session::Session, when,
};

pub(crate) async fn run(args: &History, mut session: Session) -> Result<Exit, Failure> {
    let peer = Peer::parse(&args.whom.peer)?;
    let own = session.account().await?;
    peer.check_server(session.client.server())?;
    session.catch_up().await?;
    let account = session.resolve(&peer).await?;
    let limit = args.limit.unwrap_or(usize::MAX);
    let before = args.before.map(Sequence);
    let messages = session.client.history(account, before, limit).await?;
    let names = Names::of(&session, &own, account, &peer).await?;
    let mut day = String::new();
    for message in &messages {
        session.screen.json(&json::Said::of(message, own.account));
        if !session.screen.is_json() {
            names.show(session.screen, message, &mut day);
        }
    }
    if messages.is_empty() {
        session
            .screen
            .line(format_args!("Nothing was said with {} yet.", names.peer));
    }
    session.close().await;
    Ok(Exit::Ok)
}

/// What the two sides of a conversation are called.
#[derive(Clone, Debug)]
pub(super) struct Names {
    own: AccountId,
    own_name: String,
    pub(super) peer: String,
}

impl Names {
    pub(super) async fn of(
        session: &Session,
        own: &Profile,
        account: AccountId,
        peer: &Peer,
    ) -> Result<Self, Failure> {
        let conversations = session.client.conversations().await?;
        let known = conversations
            .into_iter()
            .filter(|view| view.peer == account)
            .find_map(|view| view.peer_name);
        Ok(Self {
            own: own.account,
            own_name: own
                .username
                .as_deref()
                .map_or("you".to_owned(), clean::line),
            peer: known.map_or_else(|| peer.shown(), |name| clean::line(&name)),
        })
    }

    /// `08:15 alice: hello`, below a line with the day where it is another.
    pub(super) fn show(&self, screen: Screen, message: &Message, day: &mut String) {
        let row = &message.row;
        let today = when::day(row.accepted_at);
        if *day != today {
            screen.line(screen.dim(format_args!("-- {today}")));
            *day = today;
        }
        let name = if row.sender == self.own {
            &self.own_name
        } else {
            &self.peer
        };
        let hour = when::hour(row.accepted_at);
        let indent = hour.len() + 1;
        let text = row.text();
        let text = text.map_or_else(
            || screen.dim("(this version can't show it)"),
            |text| clean::block(&text, indent),
        );
        screen.line(format_args!(
            "{} {}: {text}",
            screen.dim(hour),
            screen.bold(name)
        ));
    }
}
