//! An open profile, and waiting for what happens.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use xchat_sdk::{
    Client, Entry, Event, Events, Home, Options, Profile, SecurityEvent, Settings, Suspension,
    Warning,
};

use crate::{
    arguments::Arguments,
    failure::{CONFIG, Failure, NO_PROFILE, PROTOCOL},
    output::Output,
};

/// How long a command waits for an answer that should come at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Session<'a> {
    pub(crate) client: Client,
    pub(crate) profile: Profile,
    events: Events,
    output: &'a Output,
}

/// How waiting for an event ended.
pub(crate) enum Waited<T> {
    Found(T),
    /// The server can't be reached.
    Offline(String),
    /// Nothing came in time.
    Late,
}

/// The folder of all profiles.
pub(crate) fn home(arguments: &Arguments) -> Result<Home, Failure> {
    if let Some(home) = &arguments.home {
        return Ok(Home::new(home));
    }
    let data = std::env::var_os("XDG_DATA_HOME").map(std::path::PathBuf::from);
    let data = data
        .filter(|path| path.is_absolute())
        .or_else(|| std::env::home_dir().map(|home| home.join(".local").join("share")));
    let data = data.ok_or_else(|| {
        let next = "set HOME, or name a folder with --home";
        Failure::new(CONFIG, "home_unknown", "this user has no home folder", next)
    })?;
    Ok(Home::new(data.join("xchat")))
}

/// The profile that was named, or the only one there is.
pub(crate) fn choose(arguments: &Arguments, home: &Home) -> Result<String, Failure> {
    if let Some(name) = &arguments.profile {
        return Ok(name.clone());
    }
    let mut profiles = home.profiles()?;
    match profiles.len() {
        0 => Err(Failure::new(
            NO_PROFILE,
            "no_profile",
            "there is no profile on this machine yet",
            "make one with `xchat register NAME`",
        )),
        1 => Ok(profiles.remove(0)),
        _ => Err(Failure::new(
            CONFIG,
            "several_profiles",
            format!("there are several profiles: {}", profiles.join(", ")),
            "choose one with --profile NAME or XCHAT_PROFILE=NAME",
        )),
    }
}

impl<'a> Session<'a> {
    /// Opens the chosen profile, offline.
    pub(crate) async fn open(arguments: &Arguments, output: &'a Output) -> Result<Self, Failure> {
        let home = home(arguments)?;
        let name = choose(arguments, &home)?;
        let (client, events) = open(home, name.clone()).await?;
        let Some(profile) = client.profile().await? else {
            client.close().await;
            return Err(unfinished(&name));
        };
        Ok(Self {
            client,
            profile,
            events,
            output,
        })
    }

    /// What this account is called here.
    pub(crate) fn own_name(&self) -> String {
        self.profile
            .username
            .clone()
            .unwrap_or_else(|| self.profile.account.short())
    }

    /// Waits for an event that answers, showing on the way what a person must know.
    pub(crate) async fn wait<T>(
        &mut self,
        patience: Duration,
        mut pick: impl FnMut(&Event) -> Option<T>,
    ) -> Result<Waited<T>, Failure> {
        let deadline = Instant::now() + patience;
        loop {
            match timeout_at(deadline, self.events.next()).await {
                Err(_) => return Ok(Waited::Late),
                Ok(None) => return Err(xchat_sdk::Error::Closed.into()),
                Ok(Some(Entry::Failed(error))) => return Err(error.into()),
                Ok(Some(Entry::Unreachable(why))) => return Ok(Waited::Offline(why.to_string())),
                Ok(Some(Entry::Proof(_))) => {}
                Ok(Some(Entry::Event(event))) => {
                    if let Some(found) = pick(&event) {
                        return Ok(Waited::Found(found));
                    }
                    notice(self.output, &event)?;
                }
            }
        }
    }

    /// Like [`Session::wait`], but being offline or late is a failure.
    pub(crate) async fn need<T>(
        &mut self,
        pick: impl FnMut(&Event) -> Option<T>,
    ) -> Result<T, Failure> {
        let server = self.client.server().clone();
        match self.wait(PATIENCE, pick).await? {
            Waited::Found(found) => Ok(found),
            Waited::Offline(why) => Err(Failure::unreachable(&server, &why)),
            Waited::Late => Err(Failure::unreachable(&server, &"it does not answer in time")),
        }
    }

    /// The next entry, for programs that show everything as it comes.
    pub(crate) async fn next(&mut self) -> Option<Entry> {
        self.events.next().await
    }

    pub(crate) async fn close(self) {
        self.client.close().await;
    }
}

pub(crate) async fn open(home: Home, profile: String) -> Result<(Client, Events), Failure> {
    let client = concat!("xchat/", env!("CARGO_PKG_VERSION")).to_owned();
    let settings = Settings {
        client,
        ..Settings::default()
    };
    Ok(Client::open(Options {
        home,
        profile,
        settings,
    })
    .await?)
}

fn unfinished(name: &str) -> Failure {
    Failure::new(
        NO_PROFILE,
        "not_registered",
        format!("profile {name:?} has no account yet"),
        format!("finish with `xchat register {name}`"),
    )
}

/// Shows what nobody asked for but everybody should know; fails where nothing can go on.
pub(crate) fn notice(output: &Output, event: &Event) -> Result<(), Failure> {
    match event {
        Event::Warning(Warning::ClockOff { milliseconds }) => {
            output.warn("clock_skew", &clock(*milliseconds));
        }
        Event::Warning(Warning::ClockStopped { milliseconds }) => {
            return Err(Failure::new(
                PROTOCOL,
                "clock_skew",
                format!(
                    "{}: nothing is sent or applied like this",
                    clock(*milliseconds)
                ),
                "set this machine's clock, or ask the server's operator to set theirs",
            ));
        }
        Event::Warning(Warning::OtherServer) => {
            return Err(Failure::new(
                PROTOCOL,
                "other_server",
                "the server is another one than this profile registered at",
                "check its address; a server that was set up anew knows no old accounts",
            ));
        }
        Event::Warning(Warning::ServerVersion { server, client }) => {
            let older = if server < client {
                "the server"
            } else {
                "this program"
            };
            return Err(Failure::new(
                PROTOCOL,
                "unsupported_version",
                format!("the server speaks version {server} and this program {client}"),
                format!("update {older}"),
            ));
        }
        Event::Security { event, .. } => output.warn(event.name(), &security(*event)),
        Event::Suspended { why, .. } => output.warn(why.name(), suspension(*why)),
        Event::ServerRefused {
            request,
            reason,
            message,
        } => {
            output.warn(
                reason.as_str_name(),
                &format!("the server refused {request}: {message}"),
            );
        }
        _ => {}
    }
    Ok(())
}

fn clock(milliseconds: i64) -> String {
    let (minutes, direction) = (
        milliseconds.abs() / 60_000,
        if milliseconds > 0 {
            "ahead of"
        } else {
            "behind"
        },
    );
    format!("this machine's clock is {minutes} minutes {direction} the server's")
}

fn security(event: SecurityEvent) -> String {
    let what = match event {
        SecurityEvent::HeadHash { .. }
        | SecurityEvent::Digest { .. }
        | SecurityEvent::Gap { .. }
        | SecurityEvent::Withheld { .. }
        | SecurityEvent::NotOurs { .. }
        | SecurityEvent::Answer => "the server altered, left out or made up something",
        SecurityEvent::Sender { .. } => "a message claims another sender than it has",
        SecurityEvent::Undecryptable { .. } => "a message can't be decrypted",
        SecurityEvent::Refused { .. }
        | SecurityEvent::CannotApply { .. }
        | SecurityEvent::Members => "a change of the group does not hold",
        SecurityEvent::Parked { .. } => "the server could not read a record",
        SecurityEvent::Welcome => "an invitation can't be opened",
        SecurityEvent::KeyPackage => "a key package is not that of its account",
    };
    format!("security: {what}")
}

const fn suspension(why: Suspension) -> &'static str {
    match why {
        Suspension::CounterConflict => {
            "a copy of this profile is in use elsewhere: nothing more is sent in this conversation"
        }
        Suspension::RolledBack { .. } => {
            "the server was set back to an older state: nothing more is sent in this conversation"
        }
        Suspension::UpdateNeeded => "this conversation needs a newer version of this program",
        Suspension::Untrusted => {
            "what the server said does not hold: nothing more is sent in this conversation"
        }
        Suspension::NotMember => "this device is no longer part of this conversation",
        Suspension::Damaged => "the stored state of this conversation can't be read",
    }
}
