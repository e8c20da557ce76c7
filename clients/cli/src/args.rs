//! The command line.

#![allow(
    clippy::doc_markdown,
    reason = "these comments are the help text, read in a terminal"
)]

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

/// Talk end-to-end encrypted: no phone number, no e-mail address, your keys.
///
/// `xchat register NAME` makes an account; `xchat send NAME TEXT` says something; `xchat chat NAME`
/// stays open. Whatever can't be sent now is kept and sent once, by a later command.
#[derive(Debug, Parser)]
#[command(name = "xchat", version, max_term_width = 100)]
pub(crate) struct Line {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Which profile to use; not needed when there is only one.
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "XCHAT_PROFILE",
        hide_env_values = true
    )]
    pub(crate) profile: Option<String>,
    /// The server's address, like wss://chat.example.org.
    ///
    /// A profile knows its server: for it, this is another address of the same server. A new
    /// profile is made at ws://127.0.0.1:8420 when nothing is said.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "XCHAT_SERVER",
        hide_env_values = true
    )]
    pub(crate) server: Option<String>,
    /// The folder that holds the profiles [default: ~/.local/share/xchat].
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "XCHAT_HOME",
        hide_env_values = true
    )]
    pub(crate) home: Option<PathBuf>,
    /// How many seconds to wait for the server before going on without it.
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 20)]
    pub(crate) wait: u64,
    /// Print one JSON object a line instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make an account: keys, a username, and 24 words that restore it.
    Register(Register),
    /// Show which account this profile is.
    Whoami,
    /// Show a contact link and QR code, for people who want to write to you.
    Link,
    /// Send a text to somebody, now or as soon as the server is there.
    ///
    /// A first text asks to talk; further ones wait until it is accepted. Writing to somebody who
    /// asks you accepts their request.
    Send(Send),
    /// Show the texts that wait to be sent, and why.
    Outbox,
    /// Send what waits and fetch what is new.
    Sync,
    /// Talk with somebody: lines typed are sent, lines received are shown.
    Chat(Whom),
    /// Show what was said with somebody.
    History(History),
    /// Show who asks to talk with you.
    Requests,
    /// Accept somebody's request.
    Accept(Whom),
    /// Decline somebody's request; they can't write to you in it any more.
    Decline(Whom),
    /// Show the number to compare with somebody, to know that nobody stands between you.
    Verify(Verify),
    /// Look whether everything is in order, and say what to do where it is not.
    Doctor(Doctor),
}

#[derive(Debug, Args)]
pub(crate) struct Register {
    /// The username; the profile gets the same name unless --profile names it.
    pub(crate) name: String,
    /// Keep the account's root key on paper only, not in the profile.
    #[arg(long)]
    pub(crate) phrase_only: bool,
    /// For servers where not everyone may sign up.
    #[arg(long, value_name = "CODE")]
    pub(crate) invite: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Whom {
    /// A username, an account id (xchat1…) or a contact link.
    #[arg(value_name = "PEER")]
    pub(crate) peer: String,
}

#[derive(Debug, Args)]
pub(crate) struct Send {
    /// A username, an account id (xchat1…) or a contact link.
    pub(crate) to: String,
    /// What to say; several words need no quotes, and a single - reads standard input. Text that
    /// begins with a hyphen comes after `--`.
    #[arg(required = true)]
    pub(crate) text: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct History {
    #[command(flatten)]
    pub(crate) whom: Whom,
    /// Only the newest N messages.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Only messages before this sequence number.
    #[arg(long, value_name = "SEQUENCE")]
    pub(crate) before: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) whom: Whom,
    /// Remember that you compared the number and it was the same.
    #[arg(long)]
    pub(crate) confirm: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Print nothing; the exit code tells.
    #[arg(long)]
    pub(crate) quiet: bool,
}

impl Line {
    /// Reads a command line. The usage line of a mistake is that of the help: clap's own lists
    /// every flag that a variable of the environment sets, as if it had to be given.
    pub(crate) fn read(words: impl Iterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut command = Self::command();
        command.build();
        let command = with_usage(command);
        Self::from_arg_matches(&command.try_get_matches_from(words)?)
    }
}

fn with_usage(mut command: clap::Command) -> clap::Command {
    let usage = command.render_usage().to_string();
    let names = command
        .get_subcommands()
        .map(|sub| sub.get_name().to_owned());
    for name in names.collect::<Vec<_>>() {
        command = command.mut_subcommand(name, with_usage);
    }
    match usage.strip_prefix("Usage: ") {
        Some(usage) => command.override_usage(usage.to_owned()),
        None => command,
    }
}

/// What is wrong, in one line.
pub(crate) fn message(error: &clap::Error) -> String {
    let text = error.to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    first.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Line;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Line::command().debug_assert();
    }
}
