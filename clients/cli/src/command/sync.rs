//! `xchat sync`: sends what waits, fetches what is new, and says what that was.

use xchat_sdk::{AccountId, ConversationId, ConversationView, Event, HistoryRow, Message};

use crate::{
    clean,
    exit::Exit,
    failure::Failure,
    json::{self, Happened},
    peer::short,
    reasons,
    screen::Screen,
    session::{Reach, Session, Tells},
};

pub(crate) async fn run(mut session: Session) -> Result<Exit, Failure> {
    let own = session.account().await?.account;
    session.tells = Tells::Everything;
    let screen = session.screen;
    session.connect()?;
    let mut events = Vec::new();
    let reach = session.gather(|event| events.push(event.clone())).await?;
    let views = session.client.conversations().await?;
    let mut told = 0_usize;
    for event in &events {
        if let Some(happened) = happened(event, own) {
            let written = screen.json(&happened) && tell(screen, event, &views);
            told += 1;
            if let (true, Event::NotSent { ticket, .. }) = (written, event) {
                session.client.told(*ticket)?;
            }
        }
    }
    if let Reach::Away(why) = reach {
        let failure = session.unreachable(&why);
        session.close().await;
        return Err(failure);
    }
    screen.json(&Happened::Settled);
    if told == 0 {
        screen.line("Nothing new.");
    }
    session.close().await;
    Ok(Exit::Ok)
}

/// As an object of `--json`; `None` for what is not told.
pub(super) fn happened(event: &Event, own: AccountId) -> Option<Happened> {
    let said = |conversation, row: &HistoryRow| {
        let message = Message {
            conversation,
            row: row.clone(),
        };
        json::Said::of(&message, own)
    };
    let ids = |conversation: &ConversationId, account: &AccountId| {
        (conversation.to_hex(), account.to_string())
    };
    Some(match event {
        Event::MessageReceived {
            conversation,
            message,
            ..
        } => Happened::Message(said(*conversation, message)),
        Event::RequestReceived {
            conversation,
            account,
            name,
            message,
        } => Happened::Request(json::Request {
            conversation: conversation.to_hex(),
            account: account.to_string(),
            name: name.clone(),
            text: message.text(),
            accepted_at: Some(message.accepted_at.0),
        }),
        Event::Queued {
            ticket,
            held: Some(held),
            ..
        } => Happened::Queued {
            ticket: json::ticket(ticket),
            reason: held.name(),
        },
        Event::Sent {
            ticket,
            conversation,
            sequence,
            accepted_at,
        } => Happened::Sent {
            ticket: json::ticket(ticket),
            conversation: conversation.to_hex(),
            sequence: sequence.0,
            accepted_at: accepted_at.0,
        },
        Event::NotSent {
            ticket,
            to,
            text,
            reason,
            ..
        } => Happened::NotSent {
            ticket: json::ticket(ticket),
            reason: reason.name(),
            to: to.clone(),
            text: text.clone(),
        },
        Event::RequestAccepted {
            conversation,
            account,
        } => {
            let (conversation, account) = ids(conversation, account);
            Happened::Accepted {
                conversation,
                account,
            }
        }
        Event::RequestDeclined {
            conversation,
            account,
        } => {
            let (conversation, account) = ids(conversation, account);
            Happened::Declined {
                conversation,
                account,
            }
        }
        Event::PeerLeft {
            conversation,
            account,
        } => {
            let (conversation, account) = ids(conversation, account);
            Happened::Left {
                conversation,
                account,
            }
        }
        _ => return None,
    })
}

/// In a line for people. `false`: it could not be written.
fn tell(screen: Screen, event: &Event, views: &[ConversationView]) -> bool {
    let who = |account: &AccountId| {
        let mut views = views.iter().filter(|view| view.peer == *account);
        let name = views.find_map(|view| view.peer_name.as_deref());
        screen.bold(name.map_or_else(|| short(account), clean::line))
    };
    let text = |row: &HistoryRow| {
        let text = row.text();
        text.map_or_else(|| "(no text)".to_owned(), |text| clean::line(&text))
    };
    screen.line(match event {
        Event::MessageReceived { peer, message, .. } => {
            format!("{}: {}", who(peer), text(message))
        }
        Event::RequestReceived {
            account, message, ..
        } => format!("{} asks to talk with you: {}", who(account), text(message)),
        Event::Queued { held, .. } => {
            let why = held.map_or("it goes next", reasons::held);
            format!("A text waits: {why}.")
        }
        Event::Sent { sequence, .. } => {
            format!("A text that waited was sent (number {}).", sequence.0)
        }
        Event::NotSent {
            to, text, reason, ..
        } => reasons::came_back(*reason, to.as_deref(), text),
        Event::RequestAccepted { account, .. } => {
            format!("{} accepted your request.", who(account))
        }
        Event::RequestDeclined { account, .. } => {
            format!("{} declined your request.", who(account))
        }
        Event::PeerLeft { account, .. } => format!("{} left the conversation.", who(account)),
        _ => return true,
    })
}
