//! What a process tells its terminal.
//!
//! Rules for every span and event: static names, explicit fields, no id of an account, a device
//! or a conversation (their `Debug` is redacted, their `Display` is for people only), no
//! content, no key. One span a request.

use std::{
    io::{self, IsTerminal},
    panic,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing_subscriber::{EnvFilter, fmt, util::SubscriberInitExt};

use crate::{Mistakes, Section};

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For eyes.
    #[default]
    Human,
    /// One object a line, for collectors.
    Json,
}

/// What the server writes to standard error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// What is logged: a level, or directives like `info,xchat_fanout=debug`.
    #[schemars(extend("x-allowed" = "a level from \"error\" to \"trace\", or directives like \"info,xchat_fanout=debug\""))]
    pub filter: String,
    /// How lines look.
    pub format: Format,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            filter: "info".to_owned(),
            format: Format::Human,
        }
    }
}

impl Section for LogConfig {
    const NAME: &'static str = "log";

    fn check(&self, mistakes: &mut Mistakes) {
        if let Err(error) = EnvFilter::builder().parse(&self.filter) {
            mistakes.add("filter", format!("is not a filter: {error}"));
        }
    }
}

/// Starts logging to standard error, once a process, and logs panics instead of printing them.
/// A second call changes nothing: tests start several servers in one process.
pub fn init(config: &LogConfig) {
    let filter = EnvFilter::builder().parse_lossy(&config.filter);
    let lines = fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    let started = match config.format {
        Format::Human => lines.with_target(false).finish().try_init(),
        Format::Json => lines.json().finish().try_init(),
    };
    if started.is_ok() {
        panic::set_hook(Box::new(log_panic));
    }
}

fn log_panic(info: &panic::PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string);
    let message = info.payload_as_str().unwrap_or("no message");
    tracing::error!(place, message, "panic");
}
