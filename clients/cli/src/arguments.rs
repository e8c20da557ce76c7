//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use xchat_sdk::Server;

/// Chat end to end encrypted, without a phone number.
///
/// An account is a key in a profile on this machine. Several profiles may live side by side: choose
/// one with --profile or XCHAT_PROFILE.
#[derive(Debug, Parser)]
#[command(name = "xchat", version, max_term_width = 100)]
pub(crate) struct Arguments {
    /// Profile to use; not needed while there is only one
    #[arg(long, global = true, value_name = "NAME", env = "XCHAT_PROFILE")]
    pub(crate) profile: Option<String>,
    /// Print one JSON object a line, for scripts
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Folder of the profiles [default: xchat in the user's data folder]
    #[arg(
        long,
        global = true,
        value_name = "FOLDER",
        env = "XCHAT_HOME",
        hide_env_values = true
    )]
    pub(crate) home: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make an account with its keys, and a profile of the same name
    Register(Register),
    /// Show who this profile is
    Whoami,
    /// Show a link and QR code by which others reach this account
    Link,
    /// Send a text, now or as soon as the server is there
    Send(Send),
    /// Send what waits, fetch what is new, and show it
    Sync,
    /// Talk to somebody, line by line
    Chat {
        /// Username, account id or contact link
        peer: String,
    },
    /// Show what was said, from the profile's own store
    History(History),
    /// Show who asks to talk to this account
    Requests,
    /// Let somebody who asked talk to this account
    Accept {
        /// Username, account id or contact link
        peer: String,
    },
    /// Turn somebody who asked down
    Decline {
        /// Username, account id or contact link
        peer: String,
    },
    /// Show a number to compare with somebody over another channel
    Verify {
        /// Username, account id or contact link
        peer: String,
        /// Remember that the numbers are equal
        #[arg(long)]
        confirm: bool,
    },
    /// Check profile, key and server, and say what to do
    Doctor {
        #[command(flatten)]
        server: ServerArgument,
        /// Say nothing; the exit code tells
        #[arg(long)]
        quiet: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ServerArgument {
    /// Server to use [default: that of the profile, else ws://127.0.0.1:8420]
    #[arg(long, value_name = "ADDRESS", env = "XCHAT_SERVER")]
    pub(crate) server: Option<String>,
}

impl ServerArgument {
    pub(crate) fn parse(&self) -> Result<Option<Server>, xchat_sdk::Error> {
        self.server.as_deref().map(str::parse).transpose()
    }
}

#[derive(Debug, Args)]
pub(crate) struct Register {
    /// Username on the server, and name of the profile
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) server: ServerArgument,
    /// Invite, where the server asks for one
    #[arg(long, value_name = "CODE")]
    pub(crate) invite: Option<String>,
    /// Keep the root key off this machine: actions that need it will ask for the 24 words
    #[arg(long)]
    pub(crate) phrase_only: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Send {
    /// Username, account id or contact link
    pub(crate) peer: String,
    /// The text; - reads it from standard input
    #[arg(required = true)]
    pub(crate) text: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct History {
    /// Username, account id or contact link
    pub(crate) peer: String,
    /// How many messages, the newest
    #[arg(long, default_value_t = 50, value_name = "COUNT")]
    pub(crate) limit: usize,
    /// Only messages before this sequence
    #[arg(long, value_name = "SEQUENCE")]
    pub(crate) before: Option<u64>,
}
