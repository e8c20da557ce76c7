//! Which appends share one sync.

use std::{
    mem,
    sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError},
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use xchat_ports::{
    PortResult,
    event_log::{Append, Appended},
};

/// One call of `append`.
pub(super) struct Request {
    pub(super) records: Vec<Append>,
    pub(super) reply: oneshot::Sender<Vec<PortResult<Appended>>>,
    /// Given back when the request has been answered.
    pub(super) room: OwnedSemaphorePermit,
}

pub(super) enum Command {
    Append(Request),
    /// Closes the active segment if it holds records.
    Roll(oneshot::Sender<()>),
    Stop,
}

/// What the writer does next, in this order.
pub(super) struct Round {
    pub(super) requests: Vec<Request>,
    pub(super) roll: Option<oneshot::Sender<()>>,
    pub(super) stop: bool,
}

/// Collects what has arrived. Waits for more only when the last round had company: those it
/// answered are likely to come back at once. A lone caller never waits for others.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    last_round: usize,
    last_write: Duration,
}

impl Gathering {
    /// Requests of one round at most.
    const MAX_REQUESTS: usize = 4_096;

    pub(super) const fn wrote(&mut self, took: Duration) {
        self.last_write = took;
    }

    pub(super) fn next(&mut self, commands: &Receiver<Command>, max_window: Duration) -> Round {
        let mut round = Round {
            requests: Vec::new(),
            roll: None,
            stop: false,
        };
        let Ok(first) = commands.recv() else {
            round.stop = true;
            return round;
        };
        let mut open = round.take(first);
        let window = max_window.min(self.last_write / 2);
        let deadline = Instant::now() + window;
        while open && round.requests.len() < Self::MAX_REQUESTS {
            open = match commands.try_recv() {
                Ok(command) => round.take(command),
                Err(TryRecvError::Disconnected) => round.end(),
                Err(TryRecvError::Empty) if round.requests.len() >= self.last_round => false,
                Err(TryRecvError::Empty) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    match commands.recv_timeout(left) {
                        Ok(command) => round.take(command),
                        Err(RecvTimeoutError::Timeout) => false,
                        Err(RecvTimeoutError::Disconnected) => round.end(),
                    }
                }
            };
        }
        self.last_round = round.requests.len();
        round
    }
}

impl Round {
    /// Whether the round may take more.
    fn take(&mut self, command: Command) -> bool {
        match command {
            Command::Append(request) => self.requests.push(request),
            Command::Roll(done) => {
                self.roll = Some(done);
                return false;
            }
            Command::Stop => return self.end(),
        }
        true
    }

    const fn end(&mut self) -> bool {
        self.stop = true;
        false
    }
}

/// A record of a round and its answer.
pub(super) struct Slot {
    pub(super) append: Append,
    pub(super) answer: Option<PortResult<Appended>>,
}

/// The records of several requests in order, to be answered each by itself.
pub(super) struct Slots {
    pub(super) list: Vec<Slot>,
    requests: Vec<(usize, oneshot::Sender<Vec<PortResult<Appended>>>)>,
    room: Vec<OwnedSemaphorePermit>,
}

impl Slots {
    pub(super) fn new(requests: Vec<Request>) -> Self {
        let mut all = Self {
            list: Vec::new(),
            requests: Vec::with_capacity(requests.len()),
            room: Vec::with_capacity(requests.len()),
        };
        for request in requests {
            all.requests.push((request.records.len(), request.reply));
            all.room.push(request.room);
            all.list
                .extend(request.records.into_iter().map(|append| Slot {
                    append,
                    answer: None,
                }));
        }
        all
    }

    /// Answers every request. One whose caller has gone is answered to nobody: its outcome is
    /// unknown to the caller.
    pub(super) fn reply(mut self, unanswered: impl Fn() -> PortResult<Appended>) {
        let mut slots = mem::take(&mut self.list).into_iter();
        for (count, reply) in self.requests {
            let answers = slots
                .by_ref()
                .take(count)
                .map(|slot| slot.answer.unwrap_or_else(&unanswered))
                .collect();
            let _ = reply.send(answers);
        }
        drop(self.room);
    }
}
