//! `xchat sync`: sends what waits, fetches what is new, and says what that was.

use xchat_sdk::{AccountId, Event, Message};

use crate::{
    clean,
    exit::Exit,
    failure::Failure,
    json::{self, Happened},
    peer::short,
    reasons,
    screen::Screen,
    session::{Reach, Session},
};

pub(crate) async fn run(mut session: Session) -> Result<Exit, Failure> {
    let own = session.account().await?.account;
    let screen = session.screen;
    session.connect()?;
    let mut told = 0_usize;
    let reach = session
        .gather(|event| {
            if let Some(happened) = happened(event, own) {
                screen.json(&happened);
                tell(screen, event);
                told += 1;
            }
        })
        .await?;
    if let Reach::Away(why) = reach {
        return Err(session.unreachable(&why));
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
    let said = |conversation, row: &xchat_sdk::HistoryRow| {
        let message = Message {
            conversation,
            row: row.clone(),
        };
        json::Said::of(&message, own)
    };
    let ids = |conversation: &xchat_sdk::ConversationId, account: &AccountId| {
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
            ticket: ticket_text(ticket),
            reason: held.name(),
        },
        Event::Sent {
            ticket,
            conversation,
            sequence,
            accepted_at,
        } => Happened::Sent {
            ticket: ticket_text(ticket),
            conversation: conversation.to_hex(),
            sequence: sequence.0,
            accepted_at: accepted_at.0,
        },
        Event::NotSent { ticket, reason, .. } => Happened::NotSent {
            ticket: ticket_text(ticket),
            reason: reason.name(),
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

pub(super) fn ticket_text(ticket: &xchat_sdk::Ticket) -> String {
    format!("{:032x}", u128::from_be_bytes(ticket.0))
}

/// In a line for people.
pub(super) fn tell(screen: Screen, event: &Event) {
    let who = |name: &Option<String>, account: &AccountId| {
        name.as_deref().map_or_else(|| short(account), clean::line)
    };
    let text = |row: &xchat_sdk::HistoryRow| {
        row.text()
            .map_or_else(|| "(no text)".to_owned(), |text| clean::line(&text))
    };
    match event {
        Event::MessageReceived {
            peer,
            name,
            message,
            ..
        } => {
            screen.line(format_args!(
                "{}: {}",
                screen.bold(who(name, peer)),
                text(message)
            ));
        }
        Event::RequestReceived {
            account,
            name,
            message,
            ..
        } => {
            let who = who(name, account);
            screen.line(format_args!(
                "{} asks to talk with you: {}",
                screen.bold(who),
                text(message)
            ));
        }
        Event::Sent { sequence, .. } => {
            screen.line(format_args!(
                "A text that waited was sent (number {}).",
                sequence.0
            ));
        }
        Event::NotSent { reason, .. } => {
            let what = reasons::not_sent(*reason, "them").what;
            screen.line(format_args!("A text that waited was {what}."));
        }
        Event::RequestAccepted { account, .. } => {
            screen.line(format_args!("{} accepted your request.", short(account)));
        }
        Event::RequestDeclined { account, .. } => {
            screen.line(format_args!("{} declined your request.", short(account)));
        }
        Event::PeerLeft { account, .. } => {
            screen.line(format_args!("{} left the conversation.", short(account)));
        }
        _ => {}
    }
}
