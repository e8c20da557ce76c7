//! Whom a command is about: a username, an account id, or a contact link.

use xchat_sdk::{AccountId, Command, Event, Phase, Recipient, Server};

use crate::{
    failure::{Failure, NO_USER, PROTOCOL, USAGE},
    session::Session,
    text,
};

/// `xchat://HOST[:PORT]/ACCOUNT`
pub(crate) fn link(server: &Server, account: AccountId) -> String {
    let host = server
        .as_str()
        .split_once("://")
        .map_or("", |(_, host)| host);
    format!("xchat://{host}/{account}")
}

/// Reads what a person typed. A link must be of the profile's server.
pub(crate) fn parse(typed: &str, server: &Server) -> Result<Recipient, Failure> {
    let typed = typed.trim();
    let wrong = |what: &str| {
        let next = "give a username, an account id (xchat1…) or a contact link (xchat://…)";
        Failure::new(USAGE, "peer_invalid", format!("{typed:?} {what}"), next)
    };
    if let Some(rest) = typed.strip_prefix("xchat://") {
        let (host, account) = rest
            .split_once('/')
            .ok_or_else(|| wrong("is a cut contact link"))?;
        let account = account
            .parse()
            .map_err(|_| wrong("is a damaged contact link"))?;
        if !server.as_str().ends_with(&format!("://{host}")) {
            return Err(Failure::new(
                PROTOCOL,
                "other_server",
                format!(
                    "that link is of another server, {}",
                    text::safe(host, false)
                ),
                "use a profile of that server; servers do not talk to each other yet",
            ));
        }
        return Ok(Recipient::Account(account));
    }
    if typed.starts_with("xchat1") {
        let account = typed
            .parse()
            .map_err(|_| wrong("is a mistyped account id"))?;
        return Ok(Recipient::Account(account));
    }
    if typed.is_empty() {
        return Err(wrong("names nobody"));
    }
    Ok(Recipient::Name(typed.to_owned()))
}

/// Somebody this profile knows, with the name to show.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) account: AccountId,
    pub(crate) name: String,
}

/// Finds somebody among the conversations; a name that is not there is looked up online.
pub(crate) async fn find(session: &mut Session<'_>, typed: &str) -> Result<Known, Failure> {
    let recipient = parse(typed, session.client.server())?;
    if let Some(known) = among_conversations(session, &recipient).await? {
        return Ok(known);
    }
    match recipient {
        Recipient::Account(account) => Ok(Known {
            account,
            name: account.short(),
        }),
        Recipient::Name(name) => {
            let account = resolve(session, &name).await?;
            Ok(Known { account, name })
        }
        Recipient::Conversation(_) => Err(unknown(typed)),
    }
}

/// Looks only at what the profile holds.
pub(crate) async fn among_conversations(
    session: &Session<'_>,
    recipient: &Recipient,
) -> Result<Option<Known>, Failure> {
    let views = session.client.conversations().await?;
    let is_meant = |peer: AccountId, name: Option<&String>| match recipient {
        Recipient::Account(account) => peer == *account,
        Recipient::Name(asked) => name.is_some_and(|name| name.eq_ignore_ascii_case(asked)),
        Recipient::Conversation(_) => false,
    };
    let view = views
        .into_iter()
        .filter(|view| view.phase != Phase::Closed)
        .find(|view| is_meant(view.peer, view.peer_name.as_ref()));
    Ok(view.map(|view| Known {
        account: view.peer,
        name: view.peer_name.unwrap_or_else(|| view.peer.short()),
    }))
}

async fn resolve(session: &mut Session<'_>, name: &str) -> Result<AccountId, Failure> {
    session.client.connect()?;
    session
        .client
        .command(Command::Resolve {
            name: name.to_owned(),
        })
        .await?;
    let answer = session
        .need(|event| match event {
            Event::Resolved { account, .. } => Some(Some(*account)),
            Event::NameUnknown { .. } => Some(None),
            _ => None,
        })
        .await?;
    answer.ok_or_else(|| unknown(name))
}

pub(crate) fn unknown(name: &str) -> Failure {
    let name = text::safe(name, false);
    Failure::new(
        NO_USER,
        "username_unknown",
        format!("nobody on this server is called {name}"),
        "check the name with them, or use their contact link (`xchat link`)",
    )
}
