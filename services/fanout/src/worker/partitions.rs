//! Positions in the log, and partitions that wait or have stopped.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;
use xchat_ports::EventLog;
use xchat_types::{Offset, PartitionId};

use super::folder::Failure;
use crate::{
    Error,
    metrics::{PartitionState, metrics},
};

const FIRST_WAIT: Duration = Duration::from_millis(100);
/// A store that is back is found well within the 30 s in which all are in sync (I19).
const LONGEST_WAIT: Duration = Duration::from_secs(4);

/// The partitions that this worker owns.
#[derive(Debug, Default)]
pub struct Partitions(BTreeMap<PartitionId, State>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// To be opened: at the committed offset, or, after a failure, where it came to.
    Closed {
        failures: u32,
        at: Option<Instant>,
        resume: Option<Offset>,
    },
    /// Read up to here.
    Open { next: Offset, failures: u32 },
    /// Going on would lose or double records; a human must look.
    Stopped,
}

impl State {
    const fn kind(&self) -> PartitionState {
        match self {
            Self::Open { .. } => PartitionState::Reading,
            Self::Closed { .. } => PartitionState::Waiting,
            Self::Stopped => PartitionState::Stopped,
        }
    }
}

impl Partitions {
    /// Adds partitions, to be opened. One that is here already goes on.
    pub fn add(&mut self, ids: impl IntoIterator<Item = PartitionId>) {
        for id in ids {
            self.0.entry(id).or_insert(State::Closed {
                failures: 0,
                at: None,
                resume: None,
            });
        }
    }

    pub fn remove(&mut self, id: PartitionId) {
        self.0.remove(&id);
    }

    /// Opens what is due. Cancel-safe: a partition is open or it is not.
    pub async fn open_due(&mut self, log: &dyn EventLog) {
        let now = Instant::now();
        for (id, state) in &mut self.0 {
            let State::Closed {
                failures,
                at,
                resume,
            } = *state
            else {
                continue;
            };
            if at.is_some_and(|at| at > now) {
                continue;
            }
            *state = match open(log, *id, resume).await {
                Ok(Some(next)) => State::Open { next, failures },
                Ok(None) => State::Stopped,
                Err(cause) => {
                    tracing::warn!(partition = id.0, %cause, "a partition can't be opened");
                    waiting(failures, resume)
                }
            };
        }
    }

    pub(super) fn measure(&self) {
        let count = |wanted: PartitionState| {
            let states = self.0.values();
            let count = states.filter(|state| state.kind() == wanted).count();
            metrics().partitions.count(count as u64, wanted);
        };
        count(PartitionState::Reading);
        count(PartitionState::Waiting);
        count(PartitionState::Stopped);
    }

    pub fn positions(&self) -> Vec<(PartitionId, Offset)> {
        self.0
            .iter()
            .filter_map(|(id, state)| match *state {
                State::Open { next, .. } => Some((*id, next)),
                State::Closed { .. } | State::Stopped => None,
            })
            .collect()
    }

    /// When the next closed partition is due.
    pub fn next_due_in(&self) -> Option<Duration> {
        let now = Instant::now();
        self.0
            .values()
            .filter_map(|state| match *state {
                State::Closed { at, .. } => Some(at.unwrap_or(now)),
                State::Open { .. } | State::Stopped => None,
            })
            .min()
            .map(|at| at.saturating_duration_since(now))
    }

    /// Everything below `to` is folded. Does nothing to a partition that is not open.
    pub fn advance(&mut self, id: PartitionId, to: Offset) {
        if let Some(State::Open { next, failures }) = self.0.get_mut(&id) {
            *next = to;
            *failures = 0;
        }
    }

    /// Makes a partition wait and begin again, or stops it. Everything below `reached` is folded.
    pub fn fail(&mut self, id: PartitionId, reached: Offset, failure: &Failure) {
        let failures = match self.0.get(&id) {
            Some(State::Closed { failures, .. } | State::Open { failures, .. }) => *failures,
            Some(State::Stopped) | None => return,
        };
        let state = match failure {
            Failure::LogEndsEarly { .. } | Failure::OtherRecord(_) => {
                tracing::error!(partition = id.0, cause = %failure, "partition stopped: the log has lost records");
                State::Stopped
            }
            Failure::Failed(Error::Port(cause)) if cause.is_retryable() => {
                tracing::warn!(partition = id.0, %cause, failures, "partition waits for its store");
                waiting(failures, Some(reached))
            }
            Failure::ClockBehind { .. } | Failure::Failed(_) => {
                tracing::error!(partition = id.0, cause = %failure, failures, "partition waits");
                waiting(failures, Some(reached))
            }
        };
        self.0.insert(id, state);
    }

    pub fn is_stopped(&self, id: PartitionId) -> bool {
        self.0.get(&id) == Some(&State::Stopped)
    }
}

fn waiting(failures: u32, resume: Option<Offset>) -> State {
    let wait = FIRST_WAIT
        .saturating_mul(1 << failures.min(10))
        .min(LONGEST_WAIT);
    State::Closed {
        failures: failures.saturating_add(1),
        at: Some(Instant::now() + wait),
        resume,
    }
}

/// Where to begin; `None` if the log does not reach from the committed offset on.
async fn open(
    log: &dyn EventLog,
    id: PartitionId,
    resume: Option<Offset>,
) -> Result<Option<Offset>, Error> {
    let known = match resume {
        Some(resume) => Some(resume),
        None => log.committed(id).await?,
    };
    let span = log.span(id).await?;
    let next = known.unwrap_or(span.start);
    if next < span.start || next > span.end {
        tracing::error!(
            partition = id.0,
            next = next.0,
            start = span.start.0,
            end = span.end.0,
            "partition stopped: the log does not hold the next offset",
        );
        return Ok(None);
    }
    Ok(Some(next))
}
