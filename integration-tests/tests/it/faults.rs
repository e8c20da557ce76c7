//! Faults of a fleet and of its engines under load, one after the other: `make test-faults`.
//!
//! Needs three nodes of Kafka and Cassandra and the Redis cluster of `infra/stack`, and
//! `XCHAT_TEST_STACK` for the path of `stack.sh`.

mod late;
mod logged;
mod nemesis;
mod refold;
mod warm;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use xchat_integration_tests::{
    House, Shape, history,
    load::{Load, Plan},
};

use self::nemesis::{Act, Nemesis};
use crate::SERVER;

const PLAN: Plan = Plan {
    devices: 20,
    conversations: 10,
    rate: 205.0,
    seed: 3,
    sends_expected: true,
};
/// I19.
const IN_SYNC: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_mins(2);
const ACCEPTED: u64 = 100_000;
/// Twice what all of them take at the plan's rate.
const LOADED: Duration = Duration::from_mins(21);

/// What happens, and how long it lasts.
const FAULTS: [(Act, u64); 18] = [
    (Act::Nothing, 30),
    (Act::Kill("presence"), 2),
    (Act::Kill("identity"), 2),
    (Act::Kill("fanout-1"), 2),
    (Act::Kill("gateway-1"), 2),
    (Act::Stop("presence"), 30),
    (Act::Stop("identity"), 30),
    // Past its session: it wakes as a zombie.
    (Act::Stop("fanout-1"), 30),
    (Act::Stop("gateway-1"), 30),
    (Act::KillNode("kafka-2"), 10),
    (Act::KillNode("cassandra-2"), 10),
    (Act::KillNode("redis-cluster-1"), 10),
    (Act::StopNode("kafka-3"), 30),
    (Act::StopNode("cassandra-3"), 30),
    (Act::StopNode("redis-cluster-2"), 30),
    (Act::FlushEverySecond, 30),
    (Act::Rebalances, 60),
    (Act::KillAll, 2),
];

/// A row of the table in `docs/benchmarks.md`.
#[derive(Debug)]
struct Row {
    what: String,
    lasted: Duration,
    /// While it lasted.
    accepted: u64,
    /// From the end of the fault until all devices were in sync.
    recovered: Option<Duration>,
}

async fn befall(act: Act, seconds: u64, house: &mut House, load: &Load, nemesis: &Nemesis) -> Row {
    let before = load.accepted();
    let began = Instant::now();
    nemesis
        .befall(act, Duration::from_secs(seconds), house)
        .await;
    let healed = Instant::now();
    let accepted = load.accepted() - before;
    let recovered = load.caught_up(PATIENCE).await.then(|| healed.elapsed());
    let row = Row {
        what: act.to_string(),
        lasted: healed - began,
        accepted,
        recovered,
    };
    row.print();
    row
}

impl Row {
    #[allow(clippy::print_stdout, reason = "a test's report")]
    fn print(&self) {
        let recovered = match self.recovered {
            Some(recovered) => format!("{:.1} s", recovered.as_secs_f64()),
            None => "never".to_owned(),
        };
        println!(
            "| {} | {:.0} s | {} | {recovered} |",
            self.what,
            self.lasted.as_secs_f64(),
            self.accepted,
        );
    }
}

#[allow(clippy::print_stdout, reason = "a test's report")]
fn report(accepted: u64, refused: &BTreeMap<&str, usize>, violations: usize) {
    let seed = PLAN.seed;
    println!(
        "faults: seed {seed}, accepted {accepted}, violations {violations}, refused for now \
         {refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes 20 minutes and three nodes of each engine: make test-faults"]
async fn no_fault_of_a_fleet_loses_doubles_or_reorders_what_was_accepted() {
    let nemesis = Nemesis::of_the_stack();
    warm::up().await;
    let mut house = House::with(SERVER, Shape::Fleet, &[("log__filter", "info")]);
    let load = Load::start(house.gateways(), PLAN).await;
    let mut rows = Vec::new();
    for (act, seconds) in FAULTS {
        let row = befall(act, seconds, &mut house, &load, &nemesis).await;
        let is_healed = row.recovered.is_some();
        rows.push(row);
        assert!(load.accepted() > 0, "the load has not begun");
        if !is_healed {
            // What the checker finds says more than that somebody waits.
            break;
        }
    }
    let healed = Instant::now();
    while rows.iter().all(|row| row.recovered.is_some())
        && load.accepted() < ACCEPTED
        && healed.elapsed() < LOADED
    {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let settled = load.settled(PATIENCE).await;
    let accepted = load.accepted();
    let conversations = load.conversations().to_vec();
    let devices = load.devices().to_vec();
    let refused = load.refusals();
    let history = load.finish().await;
    let violations = history::check(&history);
    report(accepted, &refused, violations.len());
    let first: Vec<_> = violations.iter().take(10).collect();
    assert!(violations.is_empty(), "the first: {first:#?}");
    logged::check(&house, &history, &conversations, &devices).await;
    assert!(settled, "not all settled");
    assert!(
        accepted >= ACCEPTED,
        "the load has come to a stop: {accepted} of {ACCEPTED} accepted {} s after the last fault",
        LOADED.as_secs()
    );
    assert!(
        house.log_of("fanout-1").contains("lost to another worker"),
        "no zombie was made"
    );
    Box::pin(refold::check(&mut house, &conversations, &devices)).await;
    for row in &rows {
        let recovered = row.recovered.expect("all are in sync again");
        assert!(recovered < IN_SYNC, "{}: {recovered:?}", row.what);
    }
}
