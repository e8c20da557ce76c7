//! `xchat outbox`: what waits to be sent, since when, and why.

use crate::{
    clean, exit::Exit, failure::Failure, json, peer::short, reasons, session::Session, when,
};

pub(crate) async fn run(mut session: Session) -> Result<Exit, Failure> {
    session.account().await?;
    session.catch_up().await?;
    let screen = session.screen;
    let outbox = session.client.outbox().await?;
    for text in &outbox {
        screen.json(&json::Queued {
            ticket: json::ticket(&text.ticket),
            conversation: json::conversation(text.conversation),
            account: text.account.map(|account| account.to_string()),
            to: text.to.clone(),
            text: text.text.clone(),
            since: text.since.map(|since| since.0),
            reason: text.held.map(xchat_sdk::Held::name),
        });
        let to = text.to.as_deref().map(clean::line);
        let to = to.or_else(|| text.account.as_ref().map(short));
        let since = text.since.map_or_else(
            || "earlier".to_owned(),
            |since| format!("{} {}", when::day(since), when::hour(since)),
        );
        screen.line(format_args!(
            "{} to {}: {}",
            screen.dim(since),
            screen.bold(to.unwrap_or_default()),
            clean::line(&text.text)
        ));
        let why = text.held.map_or("it is on its way", reasons::held);
        screen.line(format_args!("    waits: {why}"));
        screen.line(format_args!("    ticket {}", json::ticket(&text.ticket)));
    }
    if outbox.is_empty() {
        screen.line("Nothing waits.");
    }
    session.close().await;
    Ok(Exit::Ok)
}
