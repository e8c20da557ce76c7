//! `xchat verify PEER`

use serde_json::json;
use xchat_sdk::{Command, Event, Recipient};

use crate::{
    arguments::Arguments,
    failure::{Failure, NO_USER},
    output::Output,
    peer,
    session::Session,
    text,
};

pub(crate) async fn run(
    arguments: &Arguments,
    typed: &str,
    confirm: bool,
    output: &Output,
) -> Result<(), Failure> {
    let mut session = Session::open(arguments, output).await?;
    let known = peer::find(&mut session, typed).await?;
    let account = known.account;
    session
        .client
        .command(Command::SafetyNumber {
            peer: Recipient::Account(account),
        })
        .await?;
    let found = session
        .need(|event| match event {
            Event::SafetyNumber {
                number, verified, ..
            } => Some(Some((number.clone(), *verified))),
            Event::PeerUnknown { .. } => Some(None),
            _ => None,
        })
        .await?;
    let name = text::safe(&known.name, false);
    let Some((number, was_verified)) = found else {
        session.close().await;
        return Err(Failure::new(
            NO_USER,
            "peer_unknown",
            format!("this profile has no conversation with {name} yet"),
            "write to them first: the number is of both accounts' keys",
        ));
    };
    if confirm {
        session
            .client
            .command(Command::SetVerified {
                account,
                verified: true,
            })
            .await?;
    }
    session.close().await;
    let verified = was_verified || confirm;
    let state = if verified { "verified" } else { "not verified" };
    output.say(
        format!(
            "{name} is {state}. Compare this number with theirs over another channel:\n\n{number}\n\n\
             Equal numbers: nobody stands between you; note it with `xchat verify {name} --confirm`."
        ),
        &json!({ "account": account.to_string(), "number": number.digits(), "verified": verified }),
    );
    Ok(())
}
