//! `xchat history PEER`: from the profile's own store, without the server.

use xchat_sdk::Sequence;

use crate::{
    arguments::{Arguments, History},
    failure::Failure,
    output::Output,
    peer,
    session::Session,
};

pub(crate) async fn run(
    arguments: &Arguments,
    history: &History,
    output: &Output,
) -> Result<(), Failure> {
    let session = Session::open(arguments, output).await?;
    let recipient = peer::parse(&history.peer, session.client.server())?;
    let known = peer::among_conversations(&session, &recipient).await?;
    let Some(known) = known else {
        session.close().await;
        output.line(format!(
            "nothing was said with {} yet",
            crate::text::safe(&history.peer, false)
        ));
        return Ok(());
    };
    let before = history.before.map(Sequence);
    let messages = session
        .client
        .history(known.account, before, history.limit)
        .await?;
    let own_name = session.own_name();
    for message in &messages {
        output.message(message, session.profile.account, &own_name, &known.name);
    }
    if messages.is_empty() {
        output.line(format!(
            "nothing was said with {} yet",
            crate::text::safe(&known.name, false)
        ));
    }
    session.close().await;
    Ok(())
}
