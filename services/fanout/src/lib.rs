//! The envelope log and its fold: submit, order, deliver.
//!
//! Owns the envelope log and the message store; no other service touches them. Ingress makes
//! records durable, the worker folds them ([`domain`]) and tells devices, and devices that were
//! away read what they missed. Sees headers, sizes, times and who is in a conversation; never
//! content, names or files.

pub mod config;
pub mod deliver;
mod deps;
pub mod domain;
mod error;
mod grpc;
pub mod lag;
pub mod metrics;
pub mod rows;
pub mod store;
pub mod usecase;
pub mod worker;

use std::sync::Arc;

use tonic::service::Routes;
use xchat_proto::fanout::fanout_service_server::FanoutServiceServer;
use xchat_runtime::{ServiceParts, Worker, channel::MAX_MESSAGE_BYTES, service::Callers};

pub use config::Config;
pub use deps::{Deps, PartitionKey};
pub use error::Error;

use deliver::Deliverer;
use lag::{LagGuard, LagLimits};
use store::Conversations;
use usecase::Fanout;
use worker::{
    Announcer, Committer, Folder, Ownership, Step,
    commit::Progress,
    run::{Pace, Work},
};

/// Name of the role.
pub const NAME: &str = "fanout";

/// Devices speak through gateways.
const CALLERS: &[Callers] = &[Callers {
    path: "/xchat.fanout.v1.FanoutService/",
    roles: &["gateway"],
}];

/// Wires ingress, worker and lag guard. Nothing runs before the lifecycle starts it.
pub fn build(config: &Config, deps: Deps) -> ServiceParts {
    let conversations = Conversations {
        store: Arc::clone(&deps.store),
    };
    let limits = LagLimits {
        age: config.lag_limit.0,
        interval: config.lag_interval.0,
        unknown: config.lag_unknown_limit.0,
    };
    let lag = LagGuard::new(Arc::clone(&deps.log), Arc::clone(&deps.clock), limits);
    let lag = Arc::new(lag);
    let service = grpc::Grpc(Fanout {
        log: Arc::clone(&deps.log),
        conversations: conversations.clone(),
        lag: Arc::clone(&lag),
        clock: Arc::clone(&deps.clock),
        partition_key: deps.partition_key.clone(),
    });
    let server = FanoutServiceServer::new(service).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let looking = Worker::new("fanout-lag", move |stop| async move {
        lag.run(stop).await;
        Ok(())
    });
    ServiceParts {
        routes: Some(Routes::new(server)),
        workers: vec![looking, folding(config, deps, conversations)],
        callers: CALLERS,
        ..ServiceParts::new(NAME)
    }
}

fn folding(config: &Config, deps: Deps, conversations: Conversations) -> Worker {
    let pace = Pace {
        flush: config.mark_interval.0,
        commit: config.commit_interval.0,
    };
    let cached = usize::try_from(config.cached_conversations).unwrap_or(usize::MAX);
    let deliverer = Deliverer::new(deps.gateways, deps.tasks, config.deliver_deadline.0);
    let progress = Arc::new(Progress::default());
    let (log, store, clock) = (deps.log, deps.store, deps.clock);
    let step = Step::new(
        Arc::clone(&log),
        Folder::new(Arc::clone(&log), conversations, Arc::clone(&clock), cached),
        Announcer::new(
            Arc::clone(&store),
            deps.routing,
            deliverer,
            Arc::clone(&clock),
        ),
        Arc::clone(&progress),
        config.read_bytes.as_usize(),
    );
    let ownership = Ownership::new(Arc::clone(&log), config.member.clone());
    let work = Work {
        step,
        committer: Committer::new(log, store, clock, progress),
        ownership,
    };
    Worker::new("fanout-fold", move |stop| async move {
        worker::run::run(work, pace, stop).await;
        Ok(())
    })
}
