//! `xchat register NAME`

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use xchat_sdk::{Client, Command, Entry, Event, Events, Home, Phrase, Server};

use crate::{
    arguments::{Arguments, Register},
    failure::{Failure, PROTOCOL, REFUSED},
    output::Output,
    session,
};

pub(crate) async fn run(
    arguments: &Arguments,
    register: &Register,
    output: &Output,
) -> Result<(), Failure> {
    let home = session::home(arguments)?;
    let name = register.name.clone();
    let is_new = !home.profiles()?.contains(&name);
    if is_new {
        home.create(&name, &register.server.parse()?.unwrap_or_default())?;
    }
    let (client, mut events) = session::open(home.clone(), name.clone()).await?;
    let profile = client.profile().await?;
    if profile.as_ref().is_some_and(|profile| profile.registered) {
        client.close().await;
        return Err(xchat_sdk::Error::ProfileExists(name).into());
    }
    let phrase = Client::phrase();
    if profile.is_none() {
        show_phrase(&phrase, register.phrase_only, output);
    } else {
        output.line("Going on with the keys of the last attempt; its 24 words hold.");
    }
    let server = client.server().clone();
    let ended = sign_up(&client, &mut events, register, phrase, &server, output).await;
    client.close().await;
    match ended {
        Ok(account) => {
            let object = json!({ "account": account, "username": name, "profile": name,
                "server": server.as_str() });
            output.say(
                format!("You are {name}. Others reach you by that name on {server}."),
                &object,
            );
            Ok(())
        }
        Err(failure) => Err(undo(&home, &name, is_new, failure, output)),
    }
}

/// A refused sign-up leaves nothing behind; one that was interrupted goes on next time.
fn undo(home: &Home, name: &str, is_new: bool, failure: Failure, output: &Output) -> Failure {
    if is_new && failure.exit == REFUSED {
        match home.discard(name) {
            Ok(()) => output.line("Nothing was created: the 24 words above are void."),
            Err(error) => output.warn(error.reason().name(), &error.to_string()),
        }
    }
    failure
}

fn show_phrase(phrase: &Phrase, phrase_only: bool, output: &Output) {
    let words: Vec<&str> = phrase.words().collect();
    output.object(&json!({ "phrase": words.join(" ") }));
    output.line("These 24 words are your account. Write them down; they are shown only now:\n");
    for (row, line) in words.chunks(6).enumerate() {
        let numbered = line.iter().enumerate();
        let cells: Vec<String> = numbered
            .map(|(at, word)| format!("{:2}. {word:<9}", row * 6 + at + 1))
            .collect();
        output.line(cells.join(" ").trim_end());
    }
    let kept = if phrase_only {
        "The root key is not kept on this machine: what needs it will ask for the words."
    } else {
        "This machine keeps what it needs; the words are for when it is lost."
    };
    output.line(format!(
        "\nWho has them is you, on any device; nobody can give them back to you, not even the server.\n\
         Restoring an account from them comes with several devices. {kept}\n"
    ));
}

async fn sign_up(
    client: &Client,
    events: &mut Events,
    register: &Register,
    phrase: Phrase,
    server: &Server,
    output: &Output,
) -> Result<String, Failure> {
    let command = Command::Register {
        phrase,
        keep_root: !register.phrase_only,
        username: Some(register.name.clone()),
        invite: register.invite.clone(),
    };
    client.command(command).await?;
    client.connect()?;
    let bar = output.is_lively().then(progress);
    loop {
        match events.next().await {
            None => return Err(xchat_sdk::Error::Closed.into()),
            Some(Entry::Failed(error)) => return Err(error.into()),
            Some(Entry::Unreachable(why)) => {
                return Err(Failure::unreachable(server, &why));
            }
            Some(Entry::Proof(progress)) => {
                if let Some(bar) = &bar {
                    bar.set_length(progress.expected.max(progress.tries));
                    bar.set_position(progress.tries);
                }
            }
            Some(Entry::Event(Event::Registered { account, .. })) => {
                if let Some(bar) = bar {
                    bar.finish_and_clear();
                }
                return Ok(account.to_string());
            }
            Some(Entry::Event(Event::RegistrationRefused { reason, message })) => {
                return Err(refused(register, reason, &message));
            }
            Some(Entry::Event(event)) => session::notice(output, &event)?,
        }
    }
}

fn progress() -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) =
        ProgressStyle::with_template("proof of work {bar:30} {pos} of about {len} tries, {elapsed}")
    {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn refused(register: &Register, reason: xchat_sdk::ServerReason, message: &str) -> Failure {
    use xchat_sdk::ServerReason as R;
    let name = &register.name;
    let (exit, code, why, next) = match reason {
        R::UsernameTaken => (
            REFUSED,
            "username_taken",
            format!("the name {name} is taken"),
            "choose another name",
        ),
        R::UsernameInvalid => (
            REFUSED,
            "username_invalid",
            format!("{name} can't be a username: {message}"),
            "choose another name",
        ),
        R::InviteRequired => (
            REFUSED,
            "invite_required",
            "this server takes new accounts by invite only".to_owned(),
            "ask its operator for one and give it with --invite",
        ),
        R::InviteInvalid => (
            REFUSED,
            "invite_invalid",
            format!("the invite does not hold: {message}"),
            "ask the server's operator for another",
        ),
        _ => (
            PROTOCOL,
            "registration_refused",
            format!("the server refused the registration: {message}"),
            "do the same again; if it stays so, ask the server's operator",
        ),
    };
    Failure::new(exit, code, why, next)
}
