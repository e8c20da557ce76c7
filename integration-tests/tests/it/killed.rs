//! The server is killed in the middle of the load, again and again, and nothing is lost by it.

mod stores;

use std::time::{Duration, Instant};

use xchat_integration_tests::{
    House, Shape,
    history::{self, Violation},
    load::{Dice, Load, Plan},
};

use self::stores::{SEGMENT_BYTES, Windows};
use crate::SERVER;

/// In flight at each kill, at least.
const IN_FLIGHT: usize = 50;
/// All devices are in sync again this long after the server is back.
const IN_SYNC: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(40);

struct Course {
    kills: usize,
    /// Accepted in all, at least.
    accepted: u64,
    /// Up between two kills, at least and at most.
    up: (Duration, Duration),
    seed: u64,
}

/// What came of it.
#[derive(Debug)]
struct Report {
    kills: usize,
    accepted: u64,
    least_in_flight: usize,
    windows: Windows,
    recoveries: Vec<Duration>,
    violations: Vec<Violation>,
    settled: bool,
}

async fn run(course: &Course) -> Report {
    let segment = format!("{SEGMENT_BYTES}");
    let settings = [
        ("log__filter", "info"),
        ("backends__event_log__segment", segment.as_str()),
    ];
    let mut house = House::with(SERVER, Shape::OneProcess, &settings);
    let plan = Plan {
        devices: 20,
        conversations: 10,
        rate: 250.0,
        seed: course.seed,
        sends_expected: false,
    };
    let load = Load::start(house.gateways(), plan).await;
    let mut dice = Dice::new(course.seed);
    let mut report = Report {
        kills: 0,
        accepted: 0,
        least_in_flight: usize::MAX,
        windows: Windows::default(),
        recoveries: Vec::new(),
        violations: Vec::new(),
        settled: false,
    };
    let mut cursors = Vec::new();
    while report.kills < course.kills || load.accepted() < course.accepted {
        let up = dice.between(course.up.0, course.up.1);
        tokio::time::sleep(up).await;
        let in_flight = crowded(&load, &mut dice).await;
        house.kill();
        report.kills += 1;
        report.least_in_flight = report.least_in_flight.min(in_flight);
        let (windows, found) = stores::look(&house.folder().join("data"), &load).await;
        report.windows.add(windows);
        cursors.extend(found);
        house.start_again();
        let healed = Instant::now();
        let recovered = load.caught_up(PATIENCE).await;
        report.recoveries.push(healed.elapsed());
        if !recovered {
            // What the checker finds says more than that somebody waits.
            break;
        }
    }
    report.settled = load.settled(PATIENCE).await;
    report.accepted = load.accepted();
    let mut history = load.finish().await;
    history.cursors = cursors;
    report.violations = history::check(&history);
    report
}

/// Waits for a random moment of a surge at which enough is in flight.
async fn crowded(load: &Load, dice: &mut Dice) -> usize {
    load.surge();
    let moment = dice.between(Duration::ZERO, Duration::from_millis(80));
    tokio::time::sleep(moment).await;
    let mut surged = Instant::now();
    loop {
        let in_flight = load.in_flight();
        if in_flight >= IN_FLIGHT {
            return in_flight;
        }
        if surged.elapsed() > Duration::from_millis(50) {
            load.surge();
            surged = Instant::now();
        }
        tokio::task::yield_now().await;
    }
}

impl Report {
    /// One line to be kept.
    #[allow(clippy::print_stdout, reason = "a test's report")]
    fn print(&mut self, seed: u64) {
        self.recoveries.sort();
        let median = self.recoveries[self.recoveries.len() / 2];
        let most = self.recoveries.last().unwrap();
        let count = |of: fn(&Violation) -> bool| self.violations.iter().filter(|v| of(v)).count();
        let lost = count(|v| matches!(v, Violation::Lost { .. } | Violation::Undelivered { .. }));
        let doubled = count(|v| matches!(v, Violation::Doubled { .. }));
        let reordered = count(|v| matches!(v, Violation::Reordered { .. }));
        let Windows {
            appended_not_folded,
            row_without_head,
            folded_not_synced,
            head_without_mark,
            pushed_not_acked,
        } = self.windows;
        println!(
            "killed: seed {seed}, kills {}, accepted {}, in flight at each >= {}; windows hit by \
             kills: appended not folded {appended_not_folded}, row without head \
             {row_without_head}, folded not synced {folded_not_synced}, head without mark \
             {head_without_mark}, pushed not acked {pushed_not_acked}; lost {lost}, doubled \
             {doubled}, reordered {reordered}, other violations {}; in sync again after: median \
             {} ms, max {} ms",
            self.kills,
            self.accepted,
            self.least_in_flight,
            self.violations.len() - lost - doubled - reordered,
            median.as_millis(),
            most.as_millis(),
        );
    }

    fn check(&self, course: &Course) {
        let first: Vec<_> = self.violations.iter().take(10).collect();
        assert!(
            self.violations.is_empty(),
            "{} violations, the first: {first:#?}",
            self.violations.len()
        );
        assert!(self.settled, "not all settled after the last restart");
        assert!(self.kills >= course.kills);
        assert!(
            self.accepted >= course.accepted,
            "{} accepted",
            self.accepted
        );
        assert!(self.least_in_flight >= IN_FLIGHT);
        assert!(self.recoveries.last().unwrap() < &IN_SYNC);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_five_kills_under_load_lose_double_and_reorder_nothing() {
    let course = Course {
        kills: 25,
        accepted: 1_500,
        up: (Duration::from_millis(100), Duration::from_millis(400)),
        seed: 1,
    };
    let mut report = run(&course).await;
    report.print(course.seed);
    report.check(&course);
}

/// `make test-faults`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a quarter of an hour: make test-faults"]
async fn two_hundred_kills_under_load_lose_nothing_of_a_hundred_thousand() {
    let course = Course {
        kills: 200,
        accepted: 100_000,
        up: (Duration::from_millis(200), Duration::from_secs(1)),
        seed: 2,
    };
    let mut report = run(&course).await;
    report.print(course.seed);
    report.check(&course);
    let windows = report.windows;
    assert!(
        windows.least() >= 5,
        "a window was hardly ever hit: {windows:?}"
    );
}
