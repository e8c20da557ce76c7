//! `xchat accept PEER` and `xchat decline PEER`

use serde_json::json;
use xchat_sdk::{Command, Event, Phase, Recipient};

use crate::{
    arguments::Arguments,
    failure::{Failure, NO_USER},
    output::Output,
    peer::{self, Known},
    session::{PATIENCE, Session, Waited},
    text,
};

pub(crate) async fn run(
    arguments: &Arguments,
    typed: &str,
    accept: bool,
    output: &Output,
) -> Result<(), Failure> {
    let mut session = Session::open(arguments, output).await?;
    session.client.connect()?;
    // What asks may have come a moment ago.
    session
        .wait(PATIENCE, |event| {
            matches!(event, Event::Settled).then_some(())
        })
        .await?;
    let recipient = peer::parse(typed, session.client.server())?;
    let known = who_asks(&session, &recipient, typed).await?;
    let peer = Recipient::Account(known.account);
    let command = if accept {
        Command::Accept { peer }
    } else {
        Command::Decline { peer }
    };
    session.client.command(command).await?;
    let account = known.account;
    let waited = session
        .wait(PATIENCE, |event| match event {
            Event::Accepted { account: told, .. } | Event::Declined { account: told, .. } => {
                (*told == account).then_some(())
            }
            _ => None,
        })
        .await?;
    session.close().await;
    let name = text::safe(&known.name, false);
    let outcome = match (&waited, accept) {
        (Waited::Found(()), true) => "accepted",
        (Waited::Found(()), false) => "declined",
        _ => "queued",
    };
    let sentence = match outcome {
        "accepted" => format!("accepted: talk with `xchat chat {name}`"),
        "declined" => format!("declined: {name} can't reach you in this conversation"),
        _ => "queued: the server can't be reached; your answer goes out with the next command"
            .to_owned(),
    };
    output.say(
        sentence,
        &json!({ "account": account.to_string(), "outcome": outcome }),
    );
    Ok(())
}

async fn who_asks(
    session: &Session<'_>,
    recipient: &Recipient,
    typed: &str,
) -> Result<Known, Failure> {
    let known = peer::among_conversations(session, recipient).await?;
    let views = session.client.conversations().await?;
    let asks = |known: &Known| {
        views
            .iter()
            .any(|view| view.peer == known.account && view.phase == Phase::Invited)
    };
    known.filter(asks).ok_or_else(|| {
        Failure::new(
            NO_USER,
            "no_request",
            format!("{} does not ask to talk to you", text::safe(typed, false)),
            "see who does with `xchat requests`",
        )
    })
}
