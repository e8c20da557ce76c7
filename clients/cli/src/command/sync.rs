//! `xchat sync`

use serde_json::json;
use xchat_sdk::{Event, Message};

use crate::{arguments::Arguments, failure::Failure, output::Output, session::Session, text};

pub(crate) async fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let mut session = Session::open(arguments, output).await?;
    session.client.connect()?;
    let (own, own_name) = (session.profile.account, session.own_name());
    let (mut sent, mut received, mut requests) = (0_u64, 0_u64, 0_u64);
    session
        .need(|event| match event {
            Event::Settled => Some(()),
            Event::Sent { .. } => {
                sent += 1;
                None
            }
            Event::MessageReceived {
                conversation,
                peer,
                name,
                message,
            } => {
                received += 1;
                let message = Message {
                    conversation: *conversation,
                    row: message.clone(),
                };
                let name = name.clone().unwrap_or_else(|| peer.short());
                output.message(&message, own, &own_name, &name);
                None
            }
            Event::RequestReceived { account, name, .. } => {
                requests += 1;
                let name = name.clone().unwrap_or_else(|| account.short());
                output.line(format!(
                    "{} asks to talk: see `xchat requests`",
                    text::safe(&name, false)
                ));
                None
            }
            _ => None,
        })
        .await?;
    session.close().await;
    output.say(
        format!("in sync: {sent} sent, {received} received, {requests} new requests"),
        &json!({ "sent": sent, "received": received, "requests": requests }),
    );
    Ok(())
}
