//! `xchat send TO TEXT`: stored first, then sent.

use std::io::Read as _;

use xchat_sdk::{AccountId, ConversationId, Event, NotSent, Recipient, Ticket};

use super::sync::ticket_text;
use crate::{
    args::Send,
    exit::Exit,
    failure::Failure,
    json,
    peer::Peer,
    reasons,
    session::{Reach, Session, Tells, why_held},
};

/// Longer than any text may be: enough to be told so.
const READ_AT_MOST: u64 = 1 << 20;

/// What has been heard of the text.
#[derive(Debug, Default)]
struct Fate {
    conversation: Option<ConversationId>,
    account: Option<AccountId>,
    applied: Option<(u64, u64)>,
    refused: Option<NotSent>,
}

impl Fate {
    fn hear(&mut self, event: &Event, ticket: Ticket) {
        match event {
            Event::Queued {
                ticket: told,
                conversation,
                ..
            } if *told == ticket => {
                self.conversation = *conversation;
            }
            Event::Sent {
                ticket: told,
                conversation,
                sequence,
                accepted_at,
            } if *told == ticket => {
                self.conversation = Some(*conversation);
                self.applied = Some((sequence.0, accepted_at.0));
            }
            Event::NotSent {
                ticket: told,
                conversation,
                reason,
                ..
            } if *told == ticket => {
                self.conversation = self.conversation.or(*conversation);
                self.refused = Some(*reason);
            }
            _ => {}
        }
    }
}

pub(crate) async fn run(args: Send, mut session: Session) -> Result<Exit, Failure> {
    let peer = Peer::parse(&args.to)?;
    let text = text(&args.text)?;
    session.account().await?;
    peer.check_server(session.client.server())?;
    let ticket = session.client.send(peer.recipient.clone(), text).await?;
    session.tells = Tells::Text(ticket);
    let mut fate = Fate::default();
    session.hear_ready(|event| fate.hear(event, ticket))?;
    if let Some(reason) = fate.refused {
        return refuse(&session, &peer, (ticket, &fate), reason);
    }
    session.connect()?;
    let mut reach = session.settle(|event| fate.hear(event, ticket)).await?;
    if fate.applied.is_none() && fate.refused.is_none() && reach == Reach::Done(()) {
        // What it waits for may have happened a moment ago.
        reach = session.gather(|event| fate.hear(event, ticket)).await?;
    }
    if let Some(reason) = fate.refused {
        return refuse(&session, &peer, (ticket, &fate), reason);
    }
    if let Some((sequence, accepted_at)) = fate.applied {
        session.screen.json(&json::Sent {
            conversation: json::conversation(fate.conversation),
            outcome: "applied",
            sequence: Some(sequence),
            accepted_at: Some(accepted_at),
            reason: None,
            ticket: ticket_text(&ticket),
        });
        tell_sent(&session, &peer, sequence).await?;
        session.close().await;
        return Ok(Exit::Ok);
    }
    fate.account = account_of(&session, &fate, &peer).await?;
    let held = why_held(&session, &reach, &peer, fate.account).await?;
    session.screen.json(&json::Sent {
        conversation: json::conversation(fate.conversation),
        outcome: "queued",
        sequence: None,
        accepted_at: None,
        reason: Some(held.name()),
        ticket: ticket_text(&ticket),
    });
    session.screen.line(format_args!(
        "Kept for {}; it waits: {}.",
        peer.shown(),
        reasons::held(held)
    ));
    session.close().await;
    Ok(Exit::Temp)
}

fn refuse(
    session: &Session,
    peer: &Peer,
    (ticket, fate): (Ticket, &Fate),
    reason: NotSent,
) -> Result<Exit, Failure> {
    session.screen.json(&json::Sent {
        conversation: json::conversation(fate.conversation),
        outcome: "not_sent",
        sequence: None,
        accepted_at: None,
        reason: Some(reason.name()),
        ticket: ticket_text(&ticket),
    });
    Err(reasons::not_sent(reason, &peer.shown()))
}

/// A first text is a request, and the person should know.
async fn tell_sent(session: &Session, peer: &Peer, sequence: u64) -> Result<(), Failure> {
    let conversations = session.client.conversations().await?;
    let asked = conversations.iter().any(|view| {
        view.phase == xchat_sdk::Phase::Asked
            && match &peer.recipient {
                Recipient::Account(account) => view.peer == *account,
                Recipient::Name(name) => view.peer_name.as_ref() == Some(name),
                Recipient::Conversation(id) => view.id == *id,
            }
    });
    let to = peer.shown();
    if asked {
        session.screen.line(format_args!(
            "Sent to {to}, as a request: until {to} accepts, further texts wait."
        ));
    } else {
        session
            .screen
            .line(format_args!("Sent to {to} (number {sequence})."));
    }
    Ok(())
}

async fn account_of(
    session: &Session,
    fate: &Fate,
    peer: &Peer,
) -> Result<Option<AccountId>, Failure> {
    if let Recipient::Account(account) = peer.recipient {
        return Ok(Some(account));
    }
    let conversations = session.client.conversations().await?;
    let found = conversations
        .iter()
        .find(|view| Some(view.id) == fate.conversation);
    Ok(found.map(|view| view.peer))
}

/// The words of the command line, or standard input for a single `-`.
fn text(words: &[String]) -> Result<String, Failure> {
    if words != ["-"] {
        return Ok(words.join(" "));
    }
    let mut bytes = Vec::new();
    std::io::stdin()
        .take(READ_AT_MOST)
        .read_to_end(&mut bytes)
        .map_err(|error| {
            let what = format!("standard input can't be read: {error}");
            Failure::new(Exit::Io, "input", what, "give the text as words instead")
        })?;
    let text = String::from_utf8(bytes).map_err(|_| {
        let next = "convert it, for instance with iconv -t UTF-8";
        Failure::new(Exit::Data, "not_utf8", "the text is not UTF-8", next)
    })?;
    Ok(text.strip_suffix('\n').map_or(text.clone(), str::to_owned))
}
