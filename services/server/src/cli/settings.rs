//! Settings from the layers, and `xchat-server config …`.

use std::{fs, path::Path};

use xchat_runtime::config::{self, Flag, Layers, Loaded};

use super::{LayerArgs, say};
use crate::{Config, Exit, StartError};

const INTRODUCTION: &str = "\
All settings of xchat-server with their defaults: none has to be set.
Written by `xchat-server config example`; give your own file with --config FILE.
Each can also be set in the environment: public.listen is XCHAT__PUBLIC__LISTEN.";

/// Merges defaults, file, environment and flags.
pub(super) fn load(arguments: LayerArgs) -> Result<Loaded<Config>, StartError> {
    let file = match arguments.config {
        Some(path) => {
            let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
            Some((path, text))
        }
        None => None,
    };
    let flag = |name, key, value: Option<String>| value.map(|value| Flag { name, key, value });
    let flags = [
        flag("--data-dir", "data_dir", arguments.data_dir),
        flag("--listen", "public.listen", arguments.listen),
    ];
    Ok(config::load(Layers {
        file,
        environment: Layers::process_environment(),
        flags: flags.into_iter().flatten().collect(),
    })?)
}

fn unreadable(path: &Path, error: &std::io::Error) -> StartError {
    StartError::new(
        "config_unreadable",
        Exit::Config,
        format!(
            "the configuration file {} can't be read: {error}",
            path.display()
        ),
        "check its path (--config FILE or XCHAT_CONFIG) and its permissions",
    )
}

pub(super) fn check(arguments: LayerArgs) -> Result<(), StartError> {
    load(arguments)?;
    say("The configuration has no mistakes.")
}

pub(super) fn print(arguments: LayerArgs) -> Result<(), StartError> {
    say(&config::print(&load(arguments)?))
}

pub(super) fn example() -> String {
    config::example::<Config>(INTRODUCTION)
}

pub(super) fn schema() -> String {
    let schema = config::schema::<Config>();
    serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
}
