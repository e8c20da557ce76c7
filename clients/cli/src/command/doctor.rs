//! `xchat doctor`

use serde_json::json;
use xchat_sdk::{ProbeError, probe};

use crate::{
    arguments::{Arguments, ServerArgument},
    failure::{Failure, PROTOCOL},
    output::Output,
    session,
};

/// A difference that people notice in times of messages.
const CLOCK_TOLERANCE_MS: i64 = 5_000;

pub(crate) async fn run(
    arguments: &Arguments,
    server: &ServerArgument,
    quiet: bool,
    output: &Output,
) -> Result<(), Failure> {
    let home = session::home(arguments)?;
    let profiles = home.profiles()?;
    let chosen = session::choose(arguments, &home).ok();
    let server = match (server.parse()?, &chosen) {
        (Some(server), _) => server,
        (None, Some(profile)) => home.server(profile).unwrap_or_default(),
        (None, None) => xchat_sdk::Server::default(),
    };
    if !quiet {
        let names = if profiles.is_empty() {
            "none yet".to_owned()
        } else {
            profiles.join(", ")
        };
        output.line(format!("profiles  {names} (in {})", home.path().display()));
        if let Some(profile) = &chosen {
            let key = home.check_key(profile)?;
            output.line(format!(
                "key       {} is readable by you only; it keeps messages out of",
                key.display()
            ));
            output.line(
                "          backups without it, not from someone who can read your home folder",
            );
        }
    }
    let info = match probe(&server).await {
        Ok(info) => info,
        Err(ProbeError::Unreachable(why)) => return Err(Failure::unreachable(&server, &why)),
        Err(ProbeError::NotXchat) => {
            return Err(Failure::new(
                PROTOCOL,
                "not_xchat",
                format!("what answers at {server} is no xchat server"),
                "check the address; another program may use that port",
            ));
        }
    };
    if quiet {
        return Ok(());
    }
    let offset = info.clock_offset_ms;
    let clock = if offset.abs() <= CLOCK_TOLERANCE_MS {
        "agrees with the server's".to_owned()
    } else {
        format!("is {} s off the server's: set it", offset / 1_000)
    };
    let sign_up = if info.invites_only {
        "by invite"
    } else {
        "open"
    };
    output.say(
        format!(
            "server    {server} answers: {:?}, version {}, sign-up {sign_up}\nclock     {clock}",
            crate::text::safe(&info.name, false),
            info.api_version
        ),
        &json!({ "profiles": profiles, "profile": chosen, "server": server.as_str(),
            "reachable": true, "server_id": info.id.to_hex(), "server_name": info.name,
            "api_version": info.api_version, "clock_offset_ms": offset,
            "needs_invite": info.invites_only }),
    );
    Ok(())
}
