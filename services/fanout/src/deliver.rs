//! Pushing to gateways: off the fold's path, best effort, nothing is lost when it fails.
//!
//! A device that misses a push finds its mark, or a gap before the next push; a device whose batch
//! was lost with its stream is told to resync.

mod breaker;
mod link;
pub mod push;
pub mod record;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::mpsc::{self, error::TrySendError};
use xchat_proto::gateway::DeliverItem;
use xchat_runtime::{Tasks, channel::Dialer};

use link::{Link, Lost};

/// Batches that wait for one gateway; behind it, devices resync.
const QUEUED_BATCHES: usize = 256;
/// A gateway that nothing is sent to for so long is forgotten.
const IDLE: Duration = Duration::from_mins(10);

/// Sends batches to gateways by their route address. Clones share the streams.
#[derive(Clone, Debug)]
pub struct Deliverer {
    dialer: Dialer,
    tasks: Tasks,
    /// Of one batch.
    deadline: Duration,
    gateways: Arc<Mutex<HashMap<String, Gateway>>>,
}

#[derive(Debug)]
struct Gateway {
    queue: mpsc::Sender<Vec<DeliverItem>>,
    lost: Lost,
}

impl Deliverer {
    pub fn new(dialer: Dialer, tasks: Tasks, deadline: Duration) -> Self {
        Self {
            dialer,
            tasks,
            deadline,
            gateways: Arc::default(),
        }
    }

    /// Hands over items in order and returns at once. What finds no room is lost, and its devices
    /// are told to resync.
    pub fn send(&self, gateway: &str, mut items: Vec<DeliverItem>) {
        let mut gateways = self.gateways.lock().unwrap_or_else(PoisonError::into_inner);
        gateways.retain(|_, gateway| !gateway.queue.is_closed());
        if let Some(open) = gateways.get(gateway) {
            match open.queue.try_send(items) {
                Ok(()) => return,
                Err(TrySendError::Full(unsent)) => return open.lost.note(&unsent),
                // It has been idle for so long that it ended just now.
                Err(TrySendError::Closed(unsent)) => items = unsent,
            }
        }
        if let Some(opened) = self.open(gateway) {
            // A new queue has room.
            let _ = opened.queue.try_send(items);
            gateways.insert(gateway.to_owned(), opened);
        }
    }

    fn open(&self, address: &str) -> Option<Gateway> {
        let channel = match self.dialer.dial(address) {
            Ok(channel) => channel,
            Err(cause) => {
                tracing::warn!(cause, "a route names a gateway that can't be reached");
                return None;
            }
        };
        let (queue, batches) = mpsc::channel(QUEUED_BATCHES);
        let lost = Lost::default();
        let link = Link::new(channel, self.deadline, lost.clone());
        let (dialer, address) = (self.dialer.clone(), address.to_owned());
        // A process that stops still sends what its last flush pushes: the link ends with its queue.
        self.tasks.spawn_session("deliver", async move {
            link.run(batches, IDLE).await;
            dialer.forget(&address);
        });
        Some(Gateway { queue, lost })
    }
}
