//! Running.

use tokio::runtime::Builder;
use xchat_runtime::{lifecycle, mtls::Mtls, telemetry::Telemetry};

use super::{LayerArgs, say, settings};
use crate::{
    Config, Exit, Role, StartError,
    wiring::{self, Prepared},
};

/// Runs the roles until a signal, or until a part of the server dies.
pub(super) fn serve(arguments: LayerArgs, roles: &[Role]) -> Result<(), StartError> {
    let config = settings::load(arguments)?.config;
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| unavailable("runtime", &error))?;
    let roles = if roles.is_empty() { &Role::ALL } else { roles };
    let mtls = wiring::mtls(&config)?;
    let telemetry = {
        let _within = runtime.enter();
        let service = Role::service(roles);
        Telemetry::start(&config.log, &config.telemetry, service, mtls.as_ref())
    };
    let ended = runtime.block_on(run(&config, roles, mtls));
    telemetry.stop();
    ended
}

async fn run(config: &Config, roles: &[Role], mtls: Option<Mtls>) -> Result<(), StartError> {
    let signals = lifecycle::signals().map_err(|error| unavailable("signals", &error))?;
    let Prepared {
        plan,
        backends,
        addresses,
    } = wiring::prepare(config, roles, mtls).await?;
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
