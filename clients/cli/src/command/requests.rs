//! `xchat requests`: who asks to talk, and with what words.

use xchat_sdk::Phase;

use crate::{clean, exit::Exit, failure::Failure, json, session::Session};

pub(crate) async fn run(mut session: Session) -> Result<Exit, Failure> {
    session.account().await?;
    session.catch_up().await?;
    let screen = session.screen;
    let mut count = 0_usize;
    for view in session.client.conversations().await? {
        if view.phase != Phase::Invited {
            continue;
        }
        count += 1;
        let messages = session.client.history(view.peer, None, usize::MAX).await?;
        let first = messages
            .into_iter()
            .find(|message| message.conversation == view.id);
        let text = first.as_ref().and_then(|message| message.row.text());
        let who = view
            .peer_name
            .as_deref()
            .map_or_else(|| view.peer.to_string(), clean::line);
        screen.json(&json::Request {
            conversation: view.id.to_hex(),
            account: view.peer.to_string(),
            name: view.peer_name.clone(),
            text: text.clone(),
            accepted_at: first.map(|message| message.row.accepted_at.0),
        });
        let said = text.map_or_else(|| "(nothing yet)".to_owned(), |text| clean::line(&text));
        screen.line(format_args!("{}: {said}", screen.bold(&who)));
        screen.line(format_args!(
            "    answer with `xchat accept {who}` or `xchat decline {who}`; writing to them accepts too"
        ));
    }
    if count == 0 {
        screen.line("Nobody asks to talk with you.");
    }
    session.close().await;
    Ok(Exit::Ok)
}
