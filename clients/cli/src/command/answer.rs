//! `xchat accept PEER` and `xchat decline PEER`.

use xchat_sdk::{AccountId, Command, Event, Phase};

use crate::{
    args::Whom,
    exit::Exit,
    failure::Failure,
    json,
    peer::Peer,
    session::{Reach, Session},
};

pub(crate) async fn run(args: &Whom, accept: bool, mut session: Session) -> Result<Exit, Failure> {
    let peer = Peer::parse(&args.peer)?;
    session.account().await?;
    peer.check_server(session.client.server())?;
    session.catch_up().await?;
    let account = session.resolve(&peer).await?;
    if !asks(&session, account).await? {
        return Err(no_request(&peer));
    }
    let recipient = xchat_sdk::Recipient::Account(account);
    session
        .client
        .command(if accept {
            Command::Accept { peer: recipient }
        } else {
            Command::Decline { peer: recipient }
        })
        .await?;
    let mut applied = false;
    let reach = session
        .settle(|event| {
            applied |= matches!(event, Event::Accepted { account: told, .. } | Event::Declined { account: told, .. } if *told == account);
        })
        .await?;
    let (answer, outcome) = (
        if accept { "accepted" } else { "declined" },
        if applied { "applied" } else { "queued" },
    );
    session.screen.json(&json::Answer {
        account: account.to_string(),
        answer,
        outcome,
    });
    let who = peer.shown();
    let exit = match (applied, reach) {
        (true, _) if accept => {
            session.screen.line(format_args!(
                "Accepted: you can talk with {who} now, `xchat chat {who}`."
            ));
            Exit::Ok
        }
        (true, _) => {
            session.screen.line(format_args!(
                "Declined: {who} can't write to you in this request any more."
            ));
            Exit::Ok
        }
        (false, Reach::Done(())) => return Err(unanswered(&who)),
        (false, Reach::Away(_)) => {
            session
                .screen
                .line("Kept; the next command that reaches the server tells it.");
            Exit::Temp
        }
    };
    session.close().await;
    Ok(exit)
}

async fn asks(session: &Session, account: AccountId) -> Result<bool, Failure> {
    let conversations = session.client.conversations().await?;
    Ok(conversations
        .iter()
        .any(|view| view.peer == account && view.phase == Phase::Invited))
}

fn no_request(peer: &Peer) -> Failure {
    Failure::new(
        Exit::NoName,
        "no_request",
        format!("there is no open request of {}", peer.shown()),
        "see who asks with `xchat requests`",
    )
}

fn unanswered(who: &str) -> Failure {
    Failure::new(
        Exit::Protocol,
        "not_answered",
        format!("the server did not take the answer to {who}"),
        "see with `xchat requests` whether the request is still there, and with `xchat doctor` why",
    )
}
