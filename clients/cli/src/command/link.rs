//! `xchat link`

use qrcode::{QrCode, render::unicode::Dense1x2};
use serde_json::json;

use crate::{arguments::Arguments, failure::Failure, output::Output, peer, session::Session};

pub(crate) async fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let session = Session::open(arguments, output).await?;
    let link = peer::link(session.client.server(), session.profile.account);
    session.close().await;
    let code = QrCode::new(link.as_bytes()).map_err(|error| Failure::internal(&error))?;
    let picture = code.render::<Dense1x2>().quiet_zone(true).build();
    output.say(
        format!(
            "{picture}\n\n{link}\n\nWho has this link can ask to talk to you: `xchat send LINK …`"
        ),
        &json!({ "link": link }),
    );
    Ok(())
}
