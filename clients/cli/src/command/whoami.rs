//! `xchat whoami` and `xchat link`: who this profile is, for its person and for others.

use qrcode::{EcLevel, QrCode, render::unicode::Dense1x2};

use crate::{clean, exit::Exit, failure::Failure, json, peer, session::Session};

pub(crate) async fn whoami(session: &Session) -> Result<Exit, Failure> {
    let profile = session.account().await?;
    let screen = session.screen;
    let server = session.client.server();
    screen.json(&json::Whoami {
        profile: session.profile.clone(),
        account: profile.account.to_string(),
        username: profile.username.clone(),
        device: profile.device.to_hex(),
        server: server.to_string(),
    });
    let name = profile.username.as_deref().map_or_else(
        || "(no username)".to_owned(),
        |name| screen.bold(clean::line(name)),
    );
    screen.line(format_args!("{name} on {server}"));
    screen.line(format_args!("account  {}", profile.account));
    screen.line(format_args!("device   {}", profile.device.to_hex()));
    screen.line(format_args!("profile  {}", session.profile));
    Ok(Exit::Ok)
}

pub(crate) async fn link(session: &Session) -> Result<Exit, Failure> {
    let account = session.account().await?.account;
    let server = session.client.server();
    let link = peer::link(&account, server);
    session.screen.json(&json::Link {
        link: link.clone(),
        account: account.to_string(),
        server: server.to_string(),
    });
    session.screen.line(&link);
    if let Ok(code) = QrCode::with_error_correction_level(&link, EcLevel::L) {
        // On a dark terminal, as most are, what is printed is the light part of the picture.
        let picture = code
            .render::<Dense1x2>()
            .dark_color(Dense1x2::Light)
            .light_color(Dense1x2::Dark)
            .build();
        session.screen.line(format_args!("\n{picture}"));
    }
    Ok(Exit::Ok)
}
