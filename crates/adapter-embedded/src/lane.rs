//! A thread of a store's own for its short work, done in the order of the calls.
//!
//! The pool behind `spawn_blocking` wakes a thread for each call and puts it to sleep again, which
//! costs several times what writing a row does. This thread does all that waits each time it
//! wakes, then answers all of it. Work that reads long ranges or waits for the disk by itself stays
//! on the pool: what comes behind it here would wait, too.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{self, Receiver, Sender},
    thread,
};

use tokio::sync::oneshot;
use xchat_ports::{PortError, PortResult};

/// Calls that are done before the first of them is answered, at most: some hundred microseconds.
const ROUND: usize = 64;

/// A handle to the thread. It ends after what it was given, once the last clone has gone.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    jobs: Sender<Box<dyn Job>>,
}

trait Job: Send {
    fn run(&mut self);
    fn answer(self: Box<Self>);
}

struct Work<F, R> {
    /// Until it has run: what it holds is let go before anybody hears of it.
    call: Option<F>,
    done: Option<PortResult<R>>,
    reply: oneshot::Sender<PortResult<R>>,
}

impl<F, R> Job for Work<F, R>
where
    F: FnOnce() -> PortResult<R> + Send,
    R: Send,
{
    fn run(&mut self) {
        let call = self.call.take();
        self.done = call.and_then(|call| catch_unwind(AssertUnwindSafe(call)).ok());
    }

    fn answer(self: Box<Self>) {
        if let Some(done) = self.done {
            // Whoever asked may have gone.
            let _ = self.reply.send(done);
        }
    }
}

impl Lane {
    pub(crate) fn start(name: &str) -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel();
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || serve(&queue))?;
        Ok(Self { jobs })
    }

    /// Runs work on the thread, also if its caller does not wait for it any more. A panic in it is
    /// damage of the files.
    pub(crate) async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> PortResult<R> + Send + 'static,
    ) -> PortResult<R> {
        let (reply, answer) = oneshot::channel();
        let job = Work {
            call: Some(work),
            done: None,
            reply,
        };
        self.jobs
            .send(Box::new(job))
            .map_err(|_| PortError::unavailable("the store has stopped"))?;
        answer
            .await
            .unwrap_or_else(|_| Err(PortError::Corrupt("the storage engine panicked".to_owned())))
    }
}

fn serve(queue: &Receiver<Box<dyn Job>>) {
    let mut round = Vec::with_capacity(ROUND);
    while let Ok(first) = queue.recv() {
        let waiting = std::iter::from_fn(|| queue.try_recv().ok());
        for mut job in std::iter::once(first).chain(waiting).take(ROUND) {
            job.run();
            round.push(job);
        }
        round.drain(..).for_each(Job::answer);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[tokio::test]
    async fn work_is_done_in_the_order_of_its_calls_and_each_has_its_own_answer() {
        let lane = Lane::start("lane").unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let call = |number: usize| {
            let (lane, seen) = (lane.clone(), Arc::clone(&seen));
            async move {
                let work = move || {
                    seen.lock().unwrap().push(number);
                    Ok(number)
                };
                lane.run(work).await.unwrap()
            }
        };
        let mut calls = tokio::task::JoinSet::new();
        for number in 0..3 * ROUND {
            calls.spawn(call(number));
        }
        let mut answers = calls.join_all().await;
        answers.sort_unstable();
        let all: Vec<_> = (0..3 * ROUND).collect();
        assert_eq!(answers, all);
        assert_eq!(*seen.lock().unwrap(), all);
    }

    #[tokio::test]
    async fn a_panic_is_damage_and_the_next_call_goes_on() {
        let lane = Lane::start("lane").unwrap();
        let damaged = lane.run(|| -> PortResult<()> { panic!("a table") }).await;
        assert!(matches!(damaged, Err(PortError::Corrupt(_))));
        assert!(lane.run(|| Ok(())).await.is_ok());
    }

    #[tokio::test]
    async fn what_work_holds_is_let_go_before_it_is_answered() {
        let lane = Lane::start("lane").unwrap();
        let held = Arc::new(());
        for _ in 0..100 {
            let holder = Arc::clone(&held);
            let work = move || {
                drop(Arc::clone(&holder));
                Ok(())
            };
            lane.run(work).await.unwrap();
            assert_eq!(Arc::strong_count(&held), 1);
        }
    }
}
