//! Running.

use tokio::runtime::Builder;
use xchat_runtime::{lifecycle, telemetry};

use super::{LayerArgs, say, settings};
use crate::{
    Config, Exit, Role, StartError,
    wiring::{self, Prepared},
};

/// Runs the roles until a signal, or until a part of the server dies.
pub(super) fn serve(arguments: LayerArgs, roles: &[Role]) -> Result<(), StartError> {
    let config = settings::load(arguments)?.config;
    telemetry::init(&config.log);
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| unavailable("runtime", &error))?;
    let roles = if roles.is_empty() { &Role::ALL } else { roles };
    runtime.block_on(run(&config, roles))
}

async fn run(config: &Config, roles: &[Role]) -> Result<(), StartError> {
    let signals = lifecycle::signals().map_err(|error| unavailable("signals", &error))?;
    let Prepared {
        plan,
        backends,
        addresses,
    } = wiring::prepare(config, roles).await?;
    let ready = addresses.ready_line();
    let ended = lifecycle::run(plan, signals, || {
        let _ = say(&ready);
    })
    .await;
    backends.close().await;
    ended?;
    Ok(())
}

pub(super) fn unavailable(reason: &'static str, error: &std::io::Error) -> StartError {
    let what = format!("the system does not give what a server needs: {error}");
    StartError::new(reason, Exit::Unavailable, what, "")
}
