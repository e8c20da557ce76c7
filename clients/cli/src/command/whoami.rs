//! `xchat whoami`

use serde_json::json;

use crate::{arguments::Arguments, failure::Failure, output::Output, session::Session};

pub(crate) async fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let session = Session::open(arguments, output).await?;
    let profile = &session.profile;
    let server = session.client.server().to_string();
    let object = json!({
        "username": profile.username,
        "account": profile.account.to_string(),
        "device": profile.device.to_hex(),
        "server": server,
        "registered": profile.registered,
    });
    let state = if profile.registered {
        ""
    } else {
        " (not registered yet)"
    };
    output.say(
        format!(
            "{}{state}\naccount {}\nserver  {server}",
            session.own_name(),
            profile.account
        ),
        &object,
    );
    session.close().await;
    Ok(())
}
