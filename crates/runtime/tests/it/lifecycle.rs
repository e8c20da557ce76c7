//! Ready, drain, stop, die.

use std::{
    future,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use xchat_runtime::{
    Death, Drain, Health, ServiceParts, Tasks, Worker,
    config::HumanDuration,
    lifecycle::{Ended, Plan, Role, ShutdownConfig, run},
};

fn plan(parts: ServiceParts) -> Plan {
    Plan {
        tasks: Tasks::new(),
        roles: vec![Role {
            parts,
            local: None,
            grpc: None,
        }],
        public: None,
        mtls: None,
        shutdown: ShutdownConfig {
            drain: HumanDuration::from_secs(5),
            grace: HumanDuration::from_secs(3_600),
        },
    }
}

fn signals() -> (mpsc::UnboundedSender<()>, UnboundedReceiverStream<()>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (sender, UnboundedReceiverStream::new(receiver))
}

#[tokio::test]
async fn a_worker_that_panics_ends_the_process_with_its_name() {
    let mut parts = ServiceParts::new("test");
    parts
        .workers
        .push(Worker::new("patient", |stop| async move {
            stop.cancelled().await;
            Ok(())
        }));
    parts
        .workers
        .push(Worker::new("hasty", |_| async { panic!("on purpose") }));
    let (_sender, signals) = signals();
    let death = run(plan(parts), signals, || {}).await.unwrap_err();
    assert_eq!(death.to_string(), "task hasty died: panicked: on purpose");
}

#[derive(Debug, thiserror::Error)]
#[error("at start")]
struct AtStart(#[source] std::io::Error);

#[tokio::test]
async fn a_worker_that_fails_before_all_is_ready_ends_the_process() {
    let mut parts = ServiceParts::new("test");
    parts.health = Health::starting();
    parts.workers.push(Worker::new("broken", |_| async {
        Err(AtStart(std::io::Error::other("no luck")).into())
    }));
    let (_sender, signals) = signals();
    let death = run(plan(parts), signals, || panic!("never ready"))
        .await
        .unwrap_err();
    assert_eq!(death.to_string(), "task broken died: at start: no luck");
}

#[tokio::test]
async fn a_signal_turns_readiness_off_then_drains_then_stops_the_workers() {
    let step = Arc::new(AtomicU32::new(0));
    let (drain_step, worker_step) = (Arc::clone(&step), Arc::clone(&step));
    let mut parts = ServiceParts::new("test");
    let health = parts.health.clone();
    let drained_health = health.clone();
    parts.drain = Some(Drain::new(move || async move {
        assert!(!drained_health.is_serving());
        assert_eq!(drain_step.swap(1, Ordering::SeqCst), 0);
    }));
    parts
        .workers
        .push(Worker::new("worker", move |stop| async move {
            stop.cancelled().await;
            assert_eq!(worker_step.swap(2, Ordering::SeqCst), 1);
            Ok(())
        }));
    let (sender, signals) = signals();
    let seen = health.clone();
    let ended = run(plan(parts), signals, move || {
        assert!(seen.is_serving());
        sender.send(()).unwrap();
        std::mem::forget(sender);
    });
    assert_eq!(ended.await.unwrap(), Ended::Cleanly);
    assert_eq!(step.load(Ordering::SeqCst), 2);
    health.set(true);
    assert!(!health.is_serving(), "closed for ever");
}

/// Well before drain and grace would end it.
async fn soon(run: impl Future<Output = Result<Ended, Death>>) -> Ended {
    let limit = Duration::from_secs(10);
    tokio::time::timeout(limit, run).await.unwrap().unwrap()
}

/// The grace is an hour of real time: only the second signal can end this test.
#[tokio::test]
async fn a_second_signal_cuts_off_a_worker_that_does_not_stop() {
    let mut parts = ServiceParts::new("test");
    let (sender, signals) = signals();
    let again = sender.clone();
    parts
        .workers
        .push(Worker::new("deaf", move |stop| async move {
            stop.cancelled().await;
            again.send(()).unwrap();
            future::pending().await
        }));
    let ended = run(plan(parts), signals, move || sender.send(()).unwrap());
    assert_eq!(soon(ended).await, Ended::CutOff);
}

#[tokio::test]
async fn a_second_signal_cuts_off_a_drain_that_does_not_end() {
    let mut parts = ServiceParts::new("test");
    let (sender, signals) = signals();
    let again = sender.clone();
    parts.drain = Some(Drain::new(move || async move {
        again.send(()).unwrap();
        future::pending::<()>().await;
    }));
    let mut plan = plan(parts);
    plan.shutdown.drain = HumanDuration::from_secs(3_600);
    let ended = run(plan, signals, move || sender.send(()).unwrap());
    assert_eq!(soon(ended).await, Ended::CutOff);
}

#[tokio::test(start_paused = true)]
async fn drain_and_grace_are_bounds() {
    let mut parts = ServiceParts::new("test");
    parts.drain = Some(Drain::new(future::pending));
    parts
        .workers
        .push(Worker::new("deaf", |_| future::pending()));
    let running = plan(parts).start();
    assert!(running.ready().await);
    let started = tokio::time::Instant::now();
    assert_eq!(running.stop().await.unwrap(), Ended::CutOff);
    assert_eq!(started.elapsed(), Duration::from_secs(3_605));
}
