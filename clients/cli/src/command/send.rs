//! `xchat send TO TEXT`: stored first, then sent.

use std::io::Read as _;

use xchat_sdk::{ConversationId, Event, NotSent, Phase, Ticket};

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
    applied: Option<(u64, u64)>,
    refused: Option<NotSent>,
    /// It has accepted a request of the other side.
    accepted: bool,
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
            Event::Accepted { conversation, .. } => {
                self.accepted |= Some(*conversation) == self.conversation;
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
        return refuse(session, &peer, (ticket, &fate), reason).await;
    }
    session.connect()?;
    let reach = session.settle(|event| fate.hear(event, ticket)).await?;
    if fate.applied.is_none() && fate.refused.is_none() && reach == Reach::Done(()) {
        // What it waits for may have happened a moment ago.
        session.gather(|event| fate.hear(event, ticket)).await?;
    }
    if let Some(reason) = fate.refused {
        return refuse(session, &peer, (ticket, &fate), reason).await;
    }
    if let Some((sequence, accepted_at)) = fate.applied {
        session.screen.json(&json::Sent {
            conversation: json::conversation(fate.conversation),
            outcome: "applied",
            sequence: Some(sequence),
            accepted_at: Some(accepted_at),
            reason: None,
            ticket: json::ticket(&ticket),
            accepts: fate.accepted,
        });
        tell_sent(&session, &peer, &fate, sequence).await?;
        session.close().await;
        return Ok(Exit::Ok);
    }
    let held = why_held(&session, ticket).await?;
    let accepts = fate.accepted || phase(&session, &fate).await? == Some(Phase::Invited);
    session.screen.json(&json::Sent {
        conversation: json::conversation(fate.conversation),
        outcome: "queued",
        sequence: None,
        accepted_at: None,
        reason: Some(held.name()),
        ticket: json::ticket(&ticket),
        accepts,
    });
    let who = peer.shown();
    session.screen.line(format_args!(
        "Kept for {who}; it waits: {}.",
        reasons::held(held)
    ));
    if accepts {
        session
            .screen
            .line(format_args!("It accepts {who}'s request to talk."));
    }
    session.close().await;
    Ok(Exit::Temp)
}

/// Says that the text is not sent; whoever reads it has it back.
async fn refuse(
    session: Session,
    peer: &Peer,
    (ticket, fate): (Ticket, &Fate),
    reason: NotSent,
) -> Result<Exit, Failure> {
    let screen = session.screen;
    let written = screen.json(&json::Sent {
        conversation: json::conversation(fate.conversation),
        outcome: "not_sent",
        sequence: None,
        accepted_at: None,
        reason: Some(reason.name()),
        ticket: json::ticket(&ticket),
        accepts: false,
    });
    let failure = reasons::not_sent(reason, &peer.shown());
    if screen.failure(&failure) && written {
        session.client.told(ticket)?;
    }
    session.close().await;
    Ok(failure.exit)
}

/// A first text is a request, and one to somebody who asks is an answer: the person should know.
async fn tell_sent(
    session: &Session,
    peer: &Peer,
    fate: &Fate,
    sequence: u64,
) -> Result<(), Failure> {
    let to = peer.shown();
    let screen = session.screen;
    if phase(session, fate).await? == Some(Phase::Asked) {
        screen.line(format_args!(
            "Sent to {to}, as a request: until {to} accepts, further texts wait."
        ));
    } else {
        screen.line(format_args!("Sent to {to} (number {sequence})."));
    }
    if fate.accepted {
        screen.line(format_args!(
            "That accepted {to}'s request to talk: both of you can write now."
        ));
    }
    Ok(())
}

/// Where the conversation of the text stands.
async fn phase(session: &Session, fate: &Fate) -> Result<Option<Phase>, Failure> {
    let conversations = session.client.conversations().await?;
    let mut views = conversations.iter();
    let found = views.find(|view| Some(view.id) == fate.conversation);
    Ok(found.map(|view| view.phase))
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
