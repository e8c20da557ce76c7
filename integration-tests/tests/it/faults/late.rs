//! A worker that stands still while its partitions stay with it: the lag guard speaks before the
//! log could let anything go, and nothing that was accepted is lost.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use xchat_integration_tests::{
    House, Shape,
    history::{self, Conversation},
    load::{Load, Plan, Progress},
};

use super::{PATIENCE, warm};
use crate::SERVER;

const PLAN: Plan = Plan {
    devices: 8,
    // So many that each of the two workers has some.
    conversations: 16,
    rate: 40.0,
    seed: 5,
    sends_expected: true,
};
/// `fanout.lag_limit`, which in production is at most a quarter of the log's retention.
const LIMIT: Duration = Duration::from_secs(15);
const SESSION: Duration = Duration::from_mins(1);
/// Within this what is folded is committed too: `fanout.commit_interval` is a second.
const COMMITTED: Duration = Duration::from_secs(5);
const WORKERS: [&str; 2] = ["fanout-1", "fanout-2"];
/// Longer than a heartbeat, a sixth of the session, by which a worker hears of a rebalance. While one
/// is under way nothing is committed, here for longer than the limit.
const STEADY: Duration = Duration::from_secs(12);
const REFUSED: &str = "REASON_LOG_LAG";

fn refusals(load: &Load) -> usize {
    load.refusals().get(REFUSED).copied().unwrap_or_default()
}

/// Conversations in which a record that was handed in since then has its outcome.
fn going_on(load: &Load, then: &[Progress]) -> BTreeSet<Conversation> {
    let now = load.progress();
    let places = now.iter().zip(then);
    places
        .filter(|(now, then)| now.written > then.written && now.unsettled > then.written + 1)
        .map(|(now, _)| now.conversation)
        .collect()
}

/// So many partitions a worker owns, by its own words.
fn owned(log: &str) -> usize {
    log.lines().fold(0, |owned, line| {
        let count = line.rsplit_once("partitions=");
        let count = count.and_then(|(_, count)| count.trim().parse().ok());
        let count = count.unwrap_or_default();
        if line.contains("partitions assigned") {
            owned + count
        } else if line.contains("partitions released") || line.contains("partitions lost") {
            owned.saturating_sub(count)
        } else {
            owned
        }
    })
}

/// Else the one that is stopped has all partitions, and keeps them.
async fn each_worker_keeps_some(house: &House) {
    let began = Instant::now();
    let (mut owns, mut since) = (Vec::new(), began);
    while since.elapsed() < STEADY {
        assert!(
            began.elapsed() < PATIENCE,
            "no worker keeps what it owns: {owns:?}"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now: Vec<_> = WORKERS
            .iter()
            .map(|name| owned(&house.log_of(name)))
            .collect();
        if now.contains(&0) || now != owns {
            (owns, since) = (now, Instant::now());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs three nodes of each engine: make test-faults"]
async fn a_worker_that_stands_still_makes_the_guard_refuse_and_loses_nothing() {
    warm::up().await;
    let limit = format!("{}s", LIMIT.as_secs());
    let session = format!("{}s", SESSION.as_secs());
    let settings = [
        ("log__filter", "info"),
        ("fanout__lag_limit", limit.as_str()),
        ("fanout__lag_interval", "1s"),
        // What is folded is committed at once, so that the lag is that of the worker alone.
        ("backends__scylla__sync_interval", "0s"),
        // Its partitions stay with the worker that stands still.
        ("backends__kafka__session", session.as_str()),
    ];
    let house = House::with(SERVER, Shape::Fleet, &settings);
    each_worker_keeps_some(&house).await;
    let load = Load::start(house.gateways(), PLAN).await;
    // All that was handed in before this is folded: what is not, at the pause, came later.
    let folded = Instant::now();
    assert!(load.caught_up(PATIENCE).await, "the load runs");
    assert_eq!(refusals(&load), 0, "nothing is late yet");

    house.pause("fanout-1");
    let stood = Instant::now();
    while refusals(&load) == 0 {
        assert!(stood.elapsed() < PATIENCE, "the guard says nothing");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let waited = folded.elapsed() + COMMITTED;
    assert!(waited >= LIMIT, "refused after {waited:?} at most");
    // Whoever gets outcomes now is folded by the other worker, and is not refused.
    let refused = load.progress();
    while going_on(&load, &refused).is_empty() {
        assert!(
            stood.elapsed() < SESSION,
            "the other worker's partitions do not take records as before: {:?}, {} in flight",
            load.refusals(),
            load.in_flight()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let others = going_on(&load, &refused);
    let late = load.refused_in(REFUSED);
    assert!(
        late.is_disjoint(&others),
        "{late:?} are refused, though the other worker folds {others:?}"
    );

    house.resume("fanout-1");
    assert!(load.caught_up(PATIENCE).await, "all is folded in the end");
    assert!(load.settled(PATIENCE).await);
    let violations = history::check(&load.finish().await);
    assert_eq!(violations, []);
}
