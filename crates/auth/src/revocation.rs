//! Which devices are revoked, as every verifier follows it (architecture, section 8).
//!
//! Access tokens live five minutes, so six minutes of revocations decide about every token there
//! is. A list that was not read for 25 s trusts nobody: an attacker who can cut a verifier off
//! from its source must not thereby keep a stolen device alive.

mod rpc;
mod store;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use async_trait::async_trait;
use thiserror::Error;
use tokio::{sync::watch, time};
use tokio_util::sync::CancellationToken;
use xchat_ports::{Clock, PortError};
use xchat_types::{DeviceId, Millis};

pub use rpc::RpcRevocations;
pub use store::StoreRevocations;

use crate::token::TokenError;

/// How far back a verifier reads at start, and how long it remembers: longer than
/// [`crate::token::MAX_LIFE`] and the leeway together.
pub const MEMORY: Duration = Duration::from_mins(6);
/// Pause between two reads.
pub const READ_EVERY: Duration = Duration::from_secs(2);
const READ_AGAIN: Duration = Duration::from_millis(250);
/// A list older than this fails closed.
pub const STALE_AFTER: Duration = Duration::from_secs(25);
/// A read that takes longer counts as failed.
const READ_DEADLINE: Duration = Duration::from_secs(5);

const MEMORY_MINUTES: u64 = MEMORY.as_secs() / 60;

/// Minutes since the Unix epoch: the partition of a revocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minute(pub u64);

impl Minute {
    pub const fn of(time: Millis) -> Self {
        Self(time.0 / 60_000)
    }

    const fn back(self, minutes: u64) -> Self {
        Self(self.0.saturating_sub(minutes))
    }
}

/// Why revocations could not be read.
#[derive(Debug, Error)]
pub enum SourceError {
    #[error("the directory store does not answer")]
    Store(#[from] PortError),
    #[error("identity does not answer")]
    Rpc(#[from] Box<tonic::Status>),
    #[error("identity answered with something that is not a device id")]
    Malformed,
    #[error(
        "the source is in minute {source_minute}, this process in {own_minute}: set the clocks"
    )]
    Clock { source_minute: u64, own_minute: u64 },
    #[error("no answer within {} s", READ_DEADLINE.as_secs())]
    Deadline,
}

/// Where revocations are read: the directory store, or identity's RPC.
#[async_trait]
pub trait RevocationSource: Send + Sync + fmt::Debug {
    /// Devices revoked in the minutes `from..=to`; `to` is the caller's current one.
    async fn read(&self, from: Minute, to: Minute) -> Result<Vec<DeviceId>, SourceError>;
}

#[derive(Debug, Default)]
struct State {
    /// With the last minute in which each was read.
    devices: HashMap<DeviceId, Minute>,
    read_at: Option<Millis>,
}

/// The devices whose tokens are dead, as far as this verifier knows.
#[derive(Debug)]
pub struct RevocationList {
    source: Arc<dyn RevocationSource>,
    clock: Arc<dyn Clock>,
    state: RwLock<State>,
    changes: watch::Sender<u64>,
}

impl RevocationList {
    /// Fails closed until the first [`Self::refresh`].
    pub fn new(source: Arc<dyn RevocationSource>, clock: Arc<dyn Clock>) -> Self {
        Self {
            source,
            clock,
            state: RwLock::default(),
            changes: watch::Sender::new(0),
        }
    }

    /// `Revoked`, or `RevocationsUnknown` where the last read is too long ago.
    pub fn check(&self, device: &DeviceId) -> Result<(), TokenError> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        if state.devices.contains_key(device) {
            return Err(TokenError::Revoked);
        }
        // In either direction: a clock that was set back must not make an old read look fresh.
        let age = state.read_at.map(|at| at.distance(self.clock.now()));
        match age {
            Some(age) if u128::from(age) <= STALE_AFTER.as_millis() => Ok(()),
            Some(_) | None => Err(TokenError::RevocationsUnknown),
        }
    }

    /// Changes when a device joined the list: the moment to look at open sockets.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Reads once: the current and the previous minute, or, at start and after a gap, as many as
    /// were missed, six at most.
    pub async fn refresh(&self) -> Result<(), SourceError> {
        let now = self.clock.now();
        let to = Minute::of(now);
        let from = self.first_unread(to);
        let devices = time::timeout(READ_DEADLINE, self.source.read(from, to))
            .await
            .map_err(|_| SourceError::Deadline)??;
        if self.take(now, &devices) {
            self.changes.send_modify(|version| *version += 1);
        }
        Ok(())
    }

    fn first_unread(&self, now: Minute) -> Minute {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let oldest = now.back(MEMORY_MINUTES);
        state.read_at.map_or(oldest, |read_at| {
            Minute::of(read_at).min(now).back(1).max(oldest)
        })
    }

    /// Whether a device is new.
    fn take(&self, now: Millis, devices: &[DeviceId]) -> bool {
        let minute = Minute::of(now);
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let mut news = false;
        for device in devices {
            news |= state.devices.insert(*device, minute).is_none();
        }
        let oldest = minute.back(MEMORY_MINUTES);
        state.devices.retain(|_, seen| *seen >= oldest);
        state.read_at = Some(now);
        news
    }

    /// Reads every two seconds until cancelled, and sooner again after a failure. Failures are logged when they begin and when they
    /// end; in between [`Self::check`] speaks.
    pub async fn follow(&self, stop: CancellationToken) {
        let mut failing = false;
        loop {
            let outcome = self.refresh().await;
            if let Err(error) = &outcome
                && !failing
            {
                tracing::warn!(
                    error = error as &dyn std::error::Error,
                    "revocations can't be read; without them sessions end in 25 s"
                );
            }
            if outcome.is_ok() && failing {
                tracing::info!("revocations are read again");
            }
            failing = outcome.is_err();
            tokio::select! {
                () = stop.cancelled() => return,
                () = time::sleep(if failing { READ_AGAIN } else { READ_EVERY }) => {}
            }
        }
    }
}
