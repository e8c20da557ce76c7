//! Open and closed load on rooms of one sender and any number of receivers.
//!
//! Open: arrivals are Poisson, and every latency counts from the moment the message was intended to
//! be sent, however late the generator or a full window let it go (no coordinated omission).
//! Closed: as many at once as the window allows, which gives the highest rate.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use tokio::{
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    task::JoinSet,
};

use crate::{process::Process, statistics::Latency};

/// What the server still does for a message after its last delivery: marks, acks.
const AFTERMATH: Duration = Duration::from_millis(400);

/// One socket of a room.
pub(crate) trait Endpoint: Send + 'static {
    /// Sends the message of this number.
    fn submit(&mut self, number: usize) -> impl Future<Output = Result<()>> + Send;
    /// The number of the next message that has come; to the sender, of the next own one that has
    /// its outcome. Cancel-safe. An error for whatever is not exactly what was sent.
    fn arrived(&mut self) -> impl Future<Output = Result<usize>> + Send;
    /// Says that it has come.
    fn acknowledge(&mut self) -> impl Future<Output = Result<()>> + Send;
}

/// Endpoints of one room, the sender first.
pub(crate) type Seats<E> = Vec<E>;

/// When each message of each room is meant to be sent, from the start.
#[derive(Debug)]
pub(crate) struct Plan {
    rooms: Vec<Arc<[Duration]>>,
    /// Messages of one sender under way.
    window: usize,
}

impl Plan {
    /// All at once, held back by the window alone.
    pub(crate) fn closed(rooms: usize, messages: usize, window: usize) -> Self {
        let at_once: Arc<[Duration]> = vec![Duration::ZERO; messages].into();
        Self {
            rooms: vec![at_once; rooms],
            window,
        }
    }

    /// `rate` messages a second over all rooms, as a Poisson process of each.
    pub(crate) fn open(rooms: usize, messages: usize, rate: f64, seed: u64) -> Self {
        let mut random = SplitMix(seed);
        let mean = usize_to_f64(rooms) / rate;
        let schedule = |_| {
            let mut at = Duration::ZERO;
            let mut next = |_| {
                at += Duration::from_secs_f64(random.exponential() * mean);
                at
            };
            (0..messages).map(&mut next).collect()
        };
        Self {
            rooms: (0..rooms).map(schedule).collect(),
            // The protocol's own: no counter c + 32 before the outcome of c.
            window: 32,
        }
    }
}

/// What a run cost and how long its messages took.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) messages: usize,
    pub(crate) deliveries: usize,
    /// From the first intended sending to the last delivery.
    pub(crate) elapsed: Duration,
    /// Of the server's process.
    pub(crate) cpu: Duration,
    pub(crate) latency: Latency,
}

impl Measured {
    pub(crate) fn rate(&self) -> f64 {
        usize_to_f64(self.messages) / self.elapsed.as_secs_f64()
    }

    pub(crate) fn cpu_micros_per_message(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / usize_to_f64(self.messages)
    }

    pub(crate) fn cpu_micros_per_delivery(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / usize_to_f64(self.deliveries)
    }
}

/// Carries a plan out; gives the rooms back as they were handed in.
pub(crate) async fn run<E: Endpoint>(
    plan: &Plan,
    rooms: Vec<Seats<E>>,
    process: &Process,
) -> Result<(Measured, Vec<Seats<E>>)> {
    let sizes: Vec<usize> = rooms.iter().map(Vec::len).collect();
    let before = process.cpu()?;
    let (dispatcher, mut due): (Vec<_>, Vec<_>) =
        rooms.iter().map(|_| mpsc::unbounded_channel()).unzip();
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for (room, (seats, offsets)) in rooms.into_iter().zip(&plan.rooms).enumerate() {
        for (seat, endpoint) in seats.into_iter().enumerate() {
            let mut task = Task {
                endpoint,
                offsets: Arc::clone(offsets),
                start,
                latencies: Vec::new(),
            };
            if seat == 0 {
                let due = std::mem::replace(due.get_mut(room).context("a room")?, closed());
                let window = plan.window;
                tasks.spawn(async move {
                    let sent = task.send(due, window).await;
                    sent.with_context(|| format!("sender of room {room}"))?;
                    anyhow::Ok((room, seat, task))
                });
            } else {
                tasks.spawn(async move {
                    let received = task.receive().await;
                    received.with_context(|| format!("room {room}, receiver {seat}"))?;
                    anyhow::Ok((room, seat, task))
                });
            }
        }
    }
    let schedules = plan.rooms.clone();
    std::thread::spawn(move || dispatch(start, &schedules, &dispatcher));
    let mut ended = Vec::new();
    while let Some(task) = tasks.join_next().await {
        ended.push(task??);
    }
    let elapsed = start.elapsed();
    tokio::time::sleep(AFTERMATH).await;
    let cpu = process.cpu()?.saturating_sub(before);
    ended.sort_by_key(|(room, seat, _)| (*room, *seat));
    collect(plan, &sizes, ended, (elapsed, cpu))
}

fn collect<E>(
    plan: &Plan,
    sizes: &[usize],
    ended: Vec<(usize, usize, Task<E>)>,
    (elapsed, cpu): (Duration, Duration),
) -> Result<(Measured, Vec<Seats<E>>)> {
    let mut latency = Latency::new()?;
    let mut rooms: Vec<Seats<E>> = sizes.iter().map(|_| Vec::new()).collect();
    let mut deliveries = 0;
    for (room, _, task) in ended {
        deliveries += task.latencies.len();
        for each in &task.latencies {
            latency.record(*each);
        }
        rooms.get_mut(room).context("a room")?.push(task.endpoint);
    }
    let measured = Measured {
        messages: plan.rooms.iter().map(|offsets| offsets.len()).sum(),
        deliveries,
        elapsed,
        cpu,
        latency,
    };
    Ok((measured, rooms))
}

struct Task<E> {
    endpoint: E,
    offsets: Arc<[Duration]>,
    start: Instant,
    latencies: Vec<Duration>,
}

impl<E: Endpoint> Task<E> {
    async fn send(&mut self, mut due: UnboundedReceiver<usize>, window: usize) -> Result<()> {
        let (mut sent, mut done) = (0, 0);
        while done < self.offsets.len() {
            tokio::select! {
                number = due.recv(), if sent - done < window && sent < self.offsets.len() => {
                    self.endpoint.submit(number.context("the dispatcher ended")?).await?;
                    sent += 1;
                }
                number = self.endpoint.arrived() => {
                    in_order(number?, done)?;
                    done += 1;
                    self.endpoint.acknowledge().await?;
                }
            }
        }
        Ok(())
    }

    async fn receive(&mut self) -> Result<()> {
        for (expected, offset) in self.offsets.iter().enumerate() {
            in_order(self.endpoint.arrived().await?, expected)?;
            self.latencies.push((self.start + *offset).elapsed());
            self.endpoint.acknowledge().await?;
        }
        Ok(())
    }
}

fn in_order(number: usize, expected: usize) -> Result<()> {
    anyhow::ensure!(
        number == expected,
        "message {number} came where {expected} was expected: lost, doubled or out of order"
    );
    Ok(())
}

/// Hands out each message at its time. A thread of its own: the timers of an async runtime are
/// rounded to milliseconds, which would be most of a latency.
fn dispatch(start: Instant, rooms: &[Arc<[Duration]>], to: &[UnboundedSender<usize>]) {
    let mut all: Vec<_> = rooms
        .iter()
        .zip(to)
        .flat_map(|(offsets, to)| offsets.iter().enumerate().map(move |(n, at)| (*at, n, to)))
        .collect();
    all.sort_by_key(|(at, _, _)| *at);
    for (at, number, to) in all {
        #[allow(
            clippy::disallowed_methods,
            reason = "it waits for a moment, not for something to happen"
        )]
        std::thread::sleep((start + at).saturating_duration_since(Instant::now()));
        let _ = to.send(number);
    }
}

fn closed() -> UnboundedReceiver<usize> {
    mpsc::unbounded_channel().1
}

#[allow(
    clippy::cast_precision_loss,
    reason = "counts of messages are far below 2^53"
)]
pub(crate) const fn usize_to_f64(number: usize) -> f64 {
    number as f64
}

/// `SplitMix64` (Steele, Lea, Flood 2014): arrivals that the printed seed gives again.
struct SplitMix(u64);

impl SplitMix {
    /// Of mean 1.
    fn exponential(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        #[allow(clippy::cast_precision_loss, reason = "53 bits fit")]
        let uniform = ((z >> 11) as f64) / ((1_u64 << 53) as f64);
        -(1.0 - uniform).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_arrivals_keep_the_rate_asked_for() {
        let plan = Plan::open(10, 1_000, 500.0, 7);
        let ends = plan
            .rooms
            .iter()
            .map(|room| room.last().unwrap().as_secs_f64());
        let mean = ends.sum::<f64>() / 10.0;
        // 1,000 messages of each room at 50 a second.
        assert!((mean - 20.0).abs() < 1.0, "{mean}");
    }

    #[test]
    fn a_doubled_and_a_lost_message_fail_the_run() {
        assert!(in_order(3, 3).is_ok());
        assert!(in_order(2, 3).is_err());
        assert!(in_order(4, 3).is_err());
    }
}
