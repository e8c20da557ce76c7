//! One turn of one side: its work, timed, with what it cost the process that did it.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::{load::usize_to_f64, process::Process};

/// What the process still does after the last answer.
const AFTERMATH: Duration = Duration::from_millis(400);

#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    pub(super) cpu: Duration,
    pub(super) elapsed: Duration,
    /// How often the work was done.
    pub(super) times: usize,
}

impl Turn {
    pub(super) async fn of<T>(
        process: &Process,
        times: usize,
        work: impl Future<Output = Result<T>>,
    ) -> Result<(T, Self)> {
        let (cpu, start) = (process.cpu()?, Instant::now());
        let done = work.await?;
        let elapsed = start.elapsed();
        tokio::time::sleep(AFTERMATH).await;
        let turn = Self {
            cpu: process.cpu()?.saturating_sub(cpu),
            elapsed,
            times,
        };
        Ok((done, turn))
    }

    pub(super) fn cpu_micros(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / usize_to_f64(self.times)
    }

    pub(super) fn rate(&self) -> f64 {
        usize_to_f64(self.times) / self.elapsed.as_secs_f64()
    }
}
