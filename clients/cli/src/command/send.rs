//! `xchat send PEER TEXT…`

use serde_json::json;
use tokio::io::AsyncReadExt as _;
use xchat_sdk::{ConversationId, Event, Held, Recipient, Ticket};

use crate::{
    arguments::{Arguments, Send},
    failure::{DATA, Failure},
    output::Output,
    peer,
    session::{PATIENCE, Session, Waited},
    text,
};

/// Far above what a message may have; what is longer is no text.
const MOST_INPUT: u64 = 1_048_576;

/// How a send stands when the command ends.
enum Stand {
    Sent {
        conversation: ConversationId,
        sequence: u64,
        accepted_at: u64,
    },
    Queued {
        conversation: Option<ConversationId>,
        held: Held,
    },
}

pub(crate) async fn run(
    arguments: &Arguments,
    send: &Send,
    output: &Output,
) -> Result<(), Failure> {
    let said = read_text(&send.text).await?;
    let mut session = Session::open(arguments, output).await?;
    let to = peer::parse(&send.peer, session.client.server())?;
    let to = match peer::among_conversations(&session, &to).await? {
        Some(known) => Recipient::Account(known.account),
        None => to,
    };
    let ticket = session.client.send(to, said).await?;
    session.client.connect()?;
    let stand = outcome(&mut session, ticket, &send.peer).await;
    session.close().await;
    report(&stand?, ticket, &send.peer, output);
    Ok(())
}

async fn read_text(words: &[String]) -> Result<String, Failure> {
    if words != ["-"] {
        return Ok(words.join(" "));
    }
    let mut bytes = Vec::new();
    let mut input = tokio::io::stdin().take(MOST_INPUT);
    input
        .read_to_end(&mut bytes)
        .await
        .map_err(|error| Failure::internal(&error))?;
    let text = String::from_utf8(bytes).map_err(|_| {
        let next = "send text in UTF-8; files come later";
        Failure::new(DATA, "not_text", "what came in is no text", next)
    })?;
    Ok(text.trim_end_matches('\n').to_owned())
}

/// Waits until the text is sent, or it is clear that it has to wait.
async fn outcome(session: &mut Session<'_>, ticket: Ticket, peer: &str) -> Result<Stand, Failure> {
    let (mut conversation, mut last_held) = (None, Held::Offline);
    let waited = session
        .wait(PATIENCE, |event| match event {
            Event::Sent {
                ticket: told,
                conversation,
                sequence,
                accepted_at,
            } if *told == ticket => Some(Ok(Stand::Sent {
                conversation: *conversation,
                sequence: sequence.0,
                accepted_at: accepted_at.0,
            })),
            Event::NotSent {
                ticket: told,
                reason,
                ..
            } if *told == ticket => Some(Err(Failure::not_sent(*reason, &text::safe(peer, false)))),
            Event::Queued {
                ticket: told,
                conversation: at,
                held,
            } if *told == ticket => {
                conversation = *at;
                last_held = held.unwrap_or(last_held);
                // These do not go away by being online.
                held.filter(|held| matches!(held, Held::RequestOpen | Held::Suspended))
                    .map(|held| Ok(Stand::Queued { conversation, held }))
            }
            // Online, and nothing moves any more: it waits for the peer.
            Event::Settled => Some(Ok(Stand::Queued {
                conversation,
                held: Held::RequestOpen,
            })),
            _ => None,
        })
        .await?;
    match waited {
        Waited::Found(stand) => stand,
        Waited::Offline(_) | Waited::Late => Ok(Stand::Queued {
            conversation,
            held: last_held,
        }),
    }
}

fn report(stand: &Stand, ticket: Ticket, peer: &str, output: &Output) {
    let ticket = text::hex(&ticket.0);
    let peer = text::safe(peer, false);
    match stand {
        Stand::Sent {
            conversation,
            sequence,
            accepted_at,
        } => output.say(
            format!("sent to {peer}"),
            &json!({ "conversation": conversation.to_hex(), "outcome": "sent",
                "sequence": sequence, "accepted_at": accepted_at, "held": null,
                "ticket": ticket }),
        ),
        Stand::Queued { conversation, held } => output.say(
            format!("queued: {}", why(*held, &peer)),
            &json!({ "conversation": conversation.map(|id| id.to_hex()), "outcome": "queued",
                "sequence": null, "accepted_at": null, "held": held.name(), "ticket": ticket }),
        ),
    }
}

/// Why a text waits, and what moves it.
pub(crate) fn why(held: Held, peer: &str) -> String {
    match held {
        Held::Offline | Held::NameUnresolved => {
            "the server can't be reached; it goes out with the next command or an open chat"
                .to_owned()
        }
        Held::RequestOpen => {
            format!("{peer} has not accepted yet; the first message is with them")
        }
        Held::Clock => "this machine's clock is too far off; set it".to_owned(),
        Held::Suspended => "the conversation stands still; `xchat sync` says why".to_owned(),
    }
}
