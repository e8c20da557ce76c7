//! What a service crate hands over to be run.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::BoxError;

/// A future that a worker or a drain hook is made of.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// Everything a service is at run time: nothing runs until the lifecycle starts it.
#[derive(Debug)]
pub struct ServiceParts {
    /// Role name in logs, health and configuration.
    pub name: &'static str,
    /// gRPC services, if it serves any.
    pub routes: Option<tonic::service::Routes>,
    /// Routes of the public listener: the edge alone has them.
    pub http: Option<axum::Router>,
    pub workers: Vec<Worker>,
    pub health: Health,
    pub drain: Option<Drain>,
    /// Who may call what, where services authenticate each other; what is not listed, nobody.
    pub callers: &'static [Callers],
}

/// Roles that may call RPCs whose paths begin so: `/package.Service/Method`.
#[derive(Clone, Copy, Debug)]
pub struct Callers {
    pub path: &'static str,
    pub roles: &'static [&'static str],
}

impl ServiceParts {
    /// A service that is healthy from the start, without workers.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            routes: None,
            http: None,
            workers: Vec::new(),
            health: Health::serving(),
            drain: None,
            callers: &[],
        }
    }
}

type Run = Box<dyn FnOnce(CancellationToken) -> BoxFuture<Result<(), BoxError>> + Send>;

/// A long-running task. One that ends with an error or a panic ends the process.
pub struct Worker {
    pub name: &'static str,
    pub run: Run,
}

impl Worker {
    /// The token is cancelled when the process stops; the worker then has the grace to finish.
    pub fn new<F, T>(name: &'static str, run: F) -> Self
    where
        F: FnOnce(CancellationToken) -> T + Send + 'static,
        T: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        Self {
            name,
            run: Box::new(move |stop| Box::pin(run(stop))),
        }
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Runs once, before the workers are told to stop: the edge tells its sockets to reconnect
/// elsewhere. Bounded by the drain time of the configuration.
pub struct Drain(pub(crate) Box<dyn FnOnce() -> BoxFuture<()> + Send>);

impl Drain {
    pub fn new<F, T>(run: F) -> Self
    where
        F: FnOnce() -> T + Send + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        Self(Box::new(move || Box::pin(run())))
    }
}

impl fmt::Debug for Drain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Drain")
    }
}

/// Whether a service can serve now. Clones share one state.
#[derive(Clone, Debug)]
pub struct Health(Arc<watch::Sender<State>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Starting,
    Serving,
    /// The process stops: for ever.
    Closed,
}

impl Health {
    pub fn serving() -> Self {
        Self(Arc::new(watch::Sender::new(State::Serving)))
    }

    /// Not serving until [`Health::set`] says otherwise; the process is not ready before.
    pub fn starting() -> Self {
        Self(Arc::new(watch::Sender::new(State::Starting)))
    }

    /// Changes nothing once the process has begun to stop.
    pub fn set(&self, serving: bool) {
        let new = if serving {
            State::Serving
        } else {
            State::Starting
        };
        self.0.send_if_modified(|state| {
            let change = *state != State::Closed && *state != new;
            if change {
                *state = new;
            }
            change
        });
    }

    pub fn is_serving(&self) -> bool {
        *self.0.borrow() == State::Serving
    }

    pub(crate) fn close(&self) {
        self.0.send_replace(State::Closed);
    }

    pub(crate) fn watch(&self) -> watch::Receiver<State> {
        self.0.subscribe()
    }
}
