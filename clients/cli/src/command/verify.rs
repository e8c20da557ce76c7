//! `xchat verify PEER`: the number that both sides compare.

use xchat_sdk::{Command, Event, Recipient};

use crate::{
    args::Verify,
    exit::Exit,
    failure::Failure,
    json,
    peer::Peer,
    session::{Reach, Session},
};

pub(crate) async fn run(args: &Verify, mut session: Session) -> Result<Exit, Failure> {
    let peer = Peer::parse(&args.whom.peer)?;
    session.account().await?;
    peer.check_server(session.client.server())?;
    session.catch_up().await?;
    let account = session.resolve(&peer).await?;
    let number = Command::SafetyNumber {
        peer: Recipient::Account(account),
    };
    session.client.command(number).await?;
    let told = session
        .until(|event| match event {
            Event::SafetyNumber {
                number, verified, ..
            } => Some(Some((number.clone(), *verified))),
            Event::PeerUnknown { .. } => Some(None),
            _ => None,
        })
        .await?;
    let who = peer.shown();
    let Reach::Done(Some((number, was_verified))) = told else {
        return Err(Failure::new(
            Exit::NoName,
            "no_conversation",
            format!("there is no conversation with {who} yet, so there is nothing to compare"),
            format!("write first: `xchat send {who} TEXT`"),
        ));
    };
    if args.confirm {
        let command = Command::SetVerified {
            account,
            verified: true,
        };
        session.client.command(command).await?;
    }
    let verified = args.confirm || was_verified;
    let screen = session.screen;
    screen.json(&json::Number {
        account: account.to_string(),
        number: number.digits(),
        verified,
    });
    let groups = number.to_string();
    let groups: Vec<&str> = groups.split(' ').collect();
    for row in groups.chunks(4) {
        screen.line(format_args!("    {}", row.join(" ")));
    }
    if verified {
        screen.line(format_args!(
            "You have compared it with {who}: nobody stands between you."
        ));
    } else {
        screen.line(format_args!(
            "Not verified. Let {who} type `xchat verify` with your name, and compare the numbers"
        ));
        screen.line(
            "over another channel, best by voice. Where they are the same, nobody stands between",
        );
        screen.line(format_args!(
            "you: remember it with `xchat verify {who} --confirm`."
        ));
    }
    session.close().await;
    Ok(Exit::Ok)
}
