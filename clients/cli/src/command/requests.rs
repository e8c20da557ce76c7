//! `xchat requests`

use serde_json::json;
use xchat_sdk::{Event, Phase};

use crate::{
    arguments::Arguments,
    failure::Failure,
    output::Output,
    session::{PATIENCE, Session, Waited},
    text,
};

pub(crate) async fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let mut session = Session::open(arguments, output).await?;
    session.client.connect()?;
    let synced = session
        .wait(PATIENCE, |event| {
            matches!(event, Event::Settled).then_some(())
        })
        .await?;
    if !matches!(synced, Waited::Found(())) {
        output.warn(
            "server_unreachable",
            "the server can't be reached; newer requests are not shown",
        );
    }
    let mut open = 0;
    for view in session.client.conversations().await? {
        if view.phase != Phase::Invited {
            continue;
        }
        open += 1;
        let name = view.peer_name.clone().unwrap_or_else(|| view.peer.short());
        let first = session.client.history(view.peer, None, 1).await?.pop();
        let said = first
            .and_then(|message| message.row.text())
            .unwrap_or_default();
        let verified = if view.peer_name.is_some() {
            ""
        } else {
            " (name not known)"
        };
        output.say(
            format!(
                "{}{verified} asks: {}",
                text::safe(&name, false),
                text::safe(&said, false)
            ),
            &json!({ "conversation": view.id.to_hex(), "account": view.peer.to_string(),
                "name": view.peer_name, "text": said }),
        );
    }
    match open {
        0 => output.line("nobody asks to talk to you"),
        _ => output.line("answer with `xchat accept NAME` or `xchat decline NAME`"),
    }
    session.close().await;
    Ok(())
}
