//! The command line.

mod invite;
mod key;
mod metrics;
mod schema;
mod serve;
mod settings;

use std::{
    ffi::OsString,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};

use crate::{Exit, Role, StartError};

const ABOUT: &str = "An open, self-hostable, end-to-end encrypted messenger: the server";

const LONG_ABOUT: &str = "\
An open, self-hostable, end-to-end encrypted messenger: the server.

Without arguments it runs all roles in one process on http://127.0.0.1:8420, with its data in \
~/.local/share/xchat-server. Settings come from a file, from environment variables like \
XCHAT__PUBLIC__LISTEN, and from flags; the later of these wins.";

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "xchat-server",
    version,
    about = ABOUT,
    long_about = LONG_ABOUT
)]
struct Line {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    layers: LayerArgs,
    /// Roles to run in this process; all when none is named.
    roles: Vec<Role>,
}

/// Flags that set settings.
#[derive(Clone, Debug, Default, Args)]
struct LayerArgs {
    /// TOML file with settings.
    #[arg(long, global = true, value_name = "FILE", env = "XCHAT_CONFIG")]
    config: Option<PathBuf>,
    /// Where keys and stores are kept.
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<String>,
    /// Address and port where devices connect.
    #[arg(long, global = true, value_name = "ADDRESS")]
    listen: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Looks at settings without running anything.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Prints every metric that a server measures, as the page of the docs.
    Metrics,
    /// Looks after the tables of ScyllaDB or Cassandra.
    Schema {
        #[command(subcommand)]
        command: SchemaCommand,
    },
    /// Looks after the installation's keys.
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Makes invites, for servers where not everyone may sign up.
    Invite {
        #[command(subcommand)]
        command: InviteCommand,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Reports every mistake, or that there is none.
    Check,
    /// Prints the settings in force, each with where it comes from; secrets are not shown.
    Print,
    /// Prints a file with every setting, its meaning and its default.
    Example,
    /// Prints the JSON schema of the file, for editors.
    Schema,
}

#[derive(Debug, Subcommand)]
enum SchemaCommand {
    /// Makes keyspace and tables, or what is missing of them. Two at once are safe.
    Migrate,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Makes the keys of a new installation on engines; a household makes them at its first start.
    Create,
}

#[derive(Debug, Subcommand)]
enum InviteCommand {
    /// Prints an invite for this installation.
    Create {
        /// How many accounts it is good for.
        #[arg(long, default_value_t = 1)]
        uses: u16,
        /// How many days it is good for.
        #[arg(long, default_value_t = 7)]
        days: u16,
    },
}

/// Runs the program.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let line = match Line::try_parse_from(arguments) {
        Ok(line) => line,
        Err(error) => {
            let _ = error.print();
            // Help and version are printed to standard output and are no mistakes.
            return if error.use_stderr() {
                Exit::Usage.into()
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    match run(line) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            error.exit.into()
        }
    }
}

fn run(line: Line) -> Result<(), StartError> {
    let Line {
        command,
        layers,
        roles,
    } = line;
    match command {
        None => serve::serve(layers, &roles),
        Some(Command::Config { command }) => match command {
            ConfigCommand::Check => settings::check(layers),
            ConfigCommand::Print => settings::print(layers),
            ConfigCommand::Example => say(&settings::example()),
            ConfigCommand::Schema => say(&settings::schema()),
        },
        Some(Command::Metrics) => say(&metrics::page()),
        Some(Command::Schema {
            command: SchemaCommand::Migrate,
        }) => schema::migrate(layers),
        Some(Command::Key {
            command: KeyCommand::Create,
        }) => key::create(layers),
        Some(Command::Invite { command }) => match command {
            InviteCommand::Create { uses, days } => invite::create(uses, days, layers),
        },
    }
}

/// Writes to standard output; a reader that is gone is not an error of ours.
fn say(text: &str) -> Result<(), StartError> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(StartError::new(
            "output",
            Exit::Unavailable,
            format!("standard output can't be written: {error}"),
            "",
        )),
        Ok(()) | Err(_) => Ok(()),
    }
}
