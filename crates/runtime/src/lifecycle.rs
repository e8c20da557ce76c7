//! From parts to a running process and back: start, readiness, drain, stop.
//!
//! On the first signal readiness goes off and the drain hooks run (sockets are told to reconnect
//! elsewhere), then every task is cancelled softly and has the grace to end; a second signal, or
//! the end of the grace, cuts off what is left. A worker that dies starts the same stop.

mod signals;

use std::{future::ready, io, sync::Arc, time::Duration};

use futures_util::{Stream, StreamExt, future::join_all};
use rustls::ServerConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::service::Routes;
use tonic_health::{ServingStatus, server::health_reporter};

pub use signals::signals;

use crate::{
    Death, Drain, Health, Mistakes, Section, ServiceParts, Tasks,
    channel::{self, Cut, Incoming},
    config::HumanDuration,
    http::serve_http,
    mtls::{self, AllowList, Mtls},
    service::{Callers, State},
};

/// How the server stops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ShutdownConfig {
    /// How long connected devices are given to move elsewhere.
    pub drain: HumanDuration,
    /// How long work at hand may take after that.
    pub grace: HumanDuration,
}

impl Default for ShutdownConfig {
    fn default() -> Self {
        Self {
            drain: HumanDuration::from_secs(5),
            grace: HumanDuration::from_secs(10),
        }
    }
}

impl Section for ShutdownConfig {
    const NAME: &'static str = "shutdown";

    fn check(&self, mistakes: &mut Mistakes) {
        if self.grace.0 < Duration::from_millis(100) {
            mistakes.add("grace", "is too short for a write to end");
        }
    }
}

/// A service and how it is reached.
#[derive(Debug)]
pub struct Role {
    pub parts: ServiceParts,
    /// Where roles of this process reach it.
    pub local: Option<Incoming>,
    /// Where other processes reach it.
    pub grpc: Option<TcpListener>,
}

/// The bound public listener.
#[derive(Debug)]
pub struct Public {
    pub listener: TcpListener,
    pub tls: Option<Arc<ServerConfig>>,
}

/// All that a process will run. Ports are bound before, so that a taken one is reported with
/// nothing started.
#[derive(Debug)]
pub struct Plan {
    pub tasks: Tasks,
    pub roles: Vec<Role>,
    pub public: Option<Public>,
    /// With which services authenticate each other over TCP, if they do.
    pub mtls: Option<Mtls>,
    pub shutdown: ShutdownConfig,
}

/// How a process ended that no task brought down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every task ended by itself.
    Cleanly,
    /// A second signal or the end of the grace cut tasks off.
    CutOff,
}

/// A started process.
#[derive(Debug)]
pub struct Running {
    tasks: Tasks,
    healths: Vec<Health>,
    drains: Vec<Drain>,
    shutdown: ShutdownConfig,
}

impl Plan {
    /// Starts every listener and worker.
    pub fn start(self) -> Running {
        let Self {
            tasks,
            roles,
            mut public,
            mtls,
            shutdown,
        } = self;
        let mut healths = Vec::new();
        let mut drains = Vec::new();
        for Role { parts, local, grpc } in roles {
            healths.push(parts.health.clone());
            drains.extend(parts.drain);
            if let (Some(incoming), Some(routes)) = (local, &parts.routes) {
                incoming.serve(parts.name, routes.clone(), &tasks);
            }
            if let (Some(listener), Some(routes)) = (grpc, parts.routes) {
                let doors = Doors {
                    listener,
                    mtls: mtls.clone(),
                    callers: parts.callers,
                };
                serve_grpc(parts.name, doors, routes, &parts.health, &tasks);
            }
            for worker in parts.workers {
                tasks.spawn(worker.name, (worker.run)(tasks.soft().clone()));
            }
            if let Some(router) = parts.http
                && let Some(Public { listener, tls }) = public.take()
            {
                serve_http(listener, router, tls, &tasks);
            }
        }
        Running {
            tasks,
            healths,
            drains,
            shutdown,
        }
    }
}

impl Running {
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Waits until every service can serve; `false` when the process stops before.
    pub async fn ready(&self) -> bool {
        let all = join_all(self.healths.iter().map(|health| {
            let mut health = health.watch();
            async move {
                health
                    .wait_for(|state| *state == State::Serving)
                    .await
                    .is_ok()
            }
        }));
        let stop = self.tasks.soft();
        stop.run_until_cancelled(all).await.is_some()
    }

    /// Drains, stops, and waits for the end.
    ///
    /// # Errors
    /// The first worker that died, if one did.
    pub async fn stop(self) -> Result<Ended, Death> {
        for health in &self.healths {
            health.close();
        }
        if self.tasks.death().is_none() {
            let drains = join_all(self.drains.into_iter().map(|drain| (drain.0)()));
            let drained = timeout(self.shutdown.drain.0, drains);
            let _ = self.tasks.hard().run_until_cancelled(drained).await;
        }
        let clean = self.tasks.stop(self.shutdown.grace.0).await;
        match self.tasks.death() {
            Some(death) => Err(death.clone()),
            None if clean => Ok(Ended::Cleanly),
            None => Ok(Ended::CutOff),
        }
    }

    /// Drops every task where it stands, as a crash would.
    pub async fn kill(self) {
        self.tasks.hard().cancel();
        self.tasks.stop(Duration::ZERO).await;
    }
}

/// Runs until a signal or a death. `on_ready` is called once, when every service can serve.
///
/// # Errors
/// The first worker that died, if one did.
pub async fn run<S>(plan: Plan, mut signals: S, on_ready: impl FnOnce()) -> Result<Ended, Death>
where
    S: Stream<Item = ()> + Unpin,
{
    let running = plan.start();
    let soft = running.tasks.soft().clone();
    let hard = running.tasks.hard().clone();
    let signalled = tokio::select! {
        ready = running.ready() => {
            if ready {
                on_ready();
            }
            false
        }
        Some(()) = signals.next() => true,
    };
    if !signalled {
        let _ = soft.run_until_cancelled(signals.next()).await;
    }
    tracing::info!("stopping; a second signal stops at once");
    let stop = running.stop();
    tokio::pin!(stop);
    tokio::select! {
        ended = &mut stop => ended,
        Some(()) = signals.next() => {
            hard.cancel();
            stop.await
        }
    }
}

/// Where a service's gRPC is entered, and by whom.
struct Doors {
    listener: TcpListener,
    mtls: Option<Mtls>,
    callers: &'static [Callers],
}

/// Handshakes of one service at a time.
const HANDSHAKES: usize = 64;

/// Serves gRPC on a port, with the standard health service beside it.
fn serve_grpc(name: &'static str, doors: Doors, routes: Routes, health: &Health, tasks: &Tasks) {
    let (reporter, service) = health_reporter();
    let mut serving = health.watch();
    let stop = tasks.soft().clone();
    tasks.spawn("health", async move {
        loop {
            let status = if *serving.borrow_and_update() == State::Serving {
                ServingStatus::Serving
            } else {
                ServingStatus::NotServing
            };
            reporter.set_service_status("", status).await;
            reporter.set_service_status(name, status).await;
            match stop.run_until_cancelled(serving.changed()).await {
                Some(Ok(())) => {}
                Some(Err(_)) | None => return Ok(()),
            }
        }
    });
    let stop = tasks.soft().clone().cancelled_owned();
    let hard = tasks.hard().clone();
    let routes = routes.add_service(service);
    let accepted = TcpListenerStream::new(doors.listener);
    let Some(mtls) = doors.mtls else {
        let streams = accepted.map(move |accepted| accepted.map(|one| Cut::new(one, &hard)));
        tasks.spawn(name, async move {
            let router = channel::server().add_routes(routes);
            router.serve_with_incoming_shutdown(streams, stop).await?;
            Ok(())
        });
        return;
    };
    let handshake = move |stream: io::Result<TcpStream>| {
        let mtls = mtls.clone();
        async move { mtls::accept(&mtls, stream?).await }
    };
    let streams = accepted
        .map(handshake)
        .buffer_unordered(HANDSHAKES)
        .filter_map(|secure| ready(refuse_strangers(secure)))
        .map(move |secure| Ok::<_, io::Error>(Cut::new(secure, &hard)));
    tasks.spawn(name, async move {
        let router = channel::server()
            .layer(AllowList(doors.callers))
            .add_routes(routes);
        router.serve_with_incoming_shutdown(streams, stop).await?;
        Ok(())
    });
}

fn refuse_strangers(secure: io::Result<mtls::Secure>) -> Option<mtls::Secure> {
    secure
        .inspect_err(|cause| tracing::warn!(%cause, "a connection without a certificate of ours"))
        .ok()
}
