//! `xchat-server schema migrate`: before the first start on an engine, and before a new version.

use std::sync::Arc;

use tokio::runtime::Builder;
use xchat_backends::Backends;
use xchat_runtime::ambient::{SystemClock, SystemRng};

use super::{LayerArgs, say, serve::unavailable, settings};
use crate::{StartError, wiring::data_dir};

pub(super) fn migrate(arguments: LayerArgs) -> Result<(), StartError> {
    let config = settings::load(arguments)?.config;
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| unavailable("runtime", &error))?;
    let (clock, rng) = (Arc::new(SystemClock), Arc::new(SystemRng));
    let backends = Backends::new(&config.backends, &data_dir(&config)?, clock, rng);
    match runtime.block_on(backends.migrate())? {
        None => say("All stores are embedded: they have no schema to migrate."),
        Some(applied) if applied.is_empty() => say("The schema is up to date."),
        Some(applied) => say(&format!("Applied: {}.", applied.join(", "))),
    }
}
