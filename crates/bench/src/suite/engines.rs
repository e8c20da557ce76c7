//! B5S: B5 on the engines of a fleet, beside a bare produce and consume of Kafka and a bare write of
//! CQL, of as many bytes, in turns.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{
    Scale,
    direct::{self, Rooms, WINDOW},
};
use crate::{
    bare::{Bare, BareSeat},
    engines::Engines,
    house::House,
    load::{self, Endpoint, Measured, Plan, usize_to_f64},
    process::Process,
    report::{Report, Row, say},
    room::{self, Member},
    statistics::{Latency, Spread},
};

/// Messages a second: far from what is full.
const RATES: [f64; 2] = [50.0, 200.0];
/// Open rounds are as many times as long as B5's: so few messages a second make a 99th percentile.
const LONGER: f64 = 2.0;
/// How long nothing is done, to see what the server does then.
const QUIET: Duration = Duration::from_secs(5);
/// A session ends with its token, after five minutes: everyone logs in anew before that.
const SESSION: Duration = Duration::from_mins(2);

pub(crate) async fn run(scale: &Scale, report: &mut Report) -> Result<()> {
    let engines = match Engines::reach(&scale.engines) {
        Ok(engines) => engines,
        Err(why) => {
            say(&format!("B5S skipped: {why:#}"));
            report.result("b5s", json!({ "skipped": format!("{why:#}") }));
            return Ok(());
        }
    };
    let measured = measure(scale, &engines, report).await;
    engines.tidy();
    measured
}

/// One round of one side.
#[derive(Debug)]
struct Turn {
    measured: Measured,
    /// CPU time of the engines meanwhile.
    engines: Duration,
}

impl Turn {
    fn engines_micros(&self) -> f64 {
        self.engines.as_secs_f64() * 1e6 / usize_to_f64(self.measured.messages)
    }

    /// p50 and p99, microseconds.
    fn latency(&self) -> [f64; 2] {
        let [p50, p99, ..] = self.measured.latency.quantiles();
        [p50, p99].map(micros)
    }
}

/// The turns of a plan: one of each side a round.
#[derive(Debug, Default)]
struct Turns {
    ours: Vec<Turn>,
    kafka: Vec<Turn>,
    cql: Vec<Turn>,
}

/// All sides, at work.
struct Sides<'a> {
    engines: &'a Engines,
    house: House,
    ours: Rooms<Member>,
    /// When those logged in.
    since: Instant,
    kafka: (Bare, Rooms<BareSeat>),
    cql: (Bare, Rooms<BareSeat>),
}

impl Sides<'_> {
    async fn round(&mut self, plan: &Plan, each: usize, turns: &mut Turns) -> Result<()> {
        let (bare, rooms) = &mut self.kafka;
        let turn = turn(plan, rooms, (&bare.process, self.engines)).await;
        turns.kafka.push(turn.context("bare Kafka")?);
        let (bare, rooms) = &mut self.cql;
        let turn = self::turn(plan, rooms, (&bare.process, self.engines)).await;
        turns.cql.push(turn.context("bare CQL")?);
        self.log_in().await?;
        direct::prepare(&mut self.ours, each)?;
        let process = self.house.process();
        let turn = self::turn(plan, &mut self.ours, (process, self.engines)).await;
        turns.ours.push(turn.context("the server")?);
        Ok(())
    }

    async fn log_in(&mut self) -> Result<()> {
        if self.since.elapsed() < SESSION {
            return Ok(());
        }
        self.since = Instant::now();
        let address = self.house.address();
        for (number, member) in self.ours.iter_mut().flatten().enumerate() {
            member.back(address, number).await?;
        }
        Ok(())
    }
}

async fn turn<E: Endpoint>(
    plan: &Plan,
    rooms: &mut Rooms<E>,
    (process, engines): (&Process, &Engines),
) -> Result<Turn> {
    let before = engines.cpu()?;
    let (measured, back) = load::run(plan, std::mem::take(rooms), process).await?;
    *rooms = back;
    let engines = engines.cpu()?.saturating_sub(before);
    Ok(Turn { measured, engines })
}

async fn measure(scale: &Scale, engines: &Engines, report: &mut Report) -> Result<()> {
    let house = engines.house(&scale.server, scale.folder.as_deref())?;
    let since = Instant::now();
    let mut ours = direct::pairs(scale, &house).await?;
    direct::prepare(&mut ours, 1)?;
    let once = Plan::closed(scale.pairs, 1, 1);
    (_, ours) = load::run(&once, ours, house.process()).await?;
    let size = (scale.pairs, ours.first().map_or(0, room::ciphertext_bytes));
    let mut sides = Sides {
        engines,
        kafka: engines.bare_kafka(size)?,
        cql: engines.bare_cql(size)?,
        house,
        ours,
        since,
    };
    let closed = Plan::closed(scale.pairs, scale.messages, WINDOW);
    // What an engine compiles while it runs, it has compiled then.
    let warm = &mut Turns::default();
    sides.round(&closed, scale.messages, warm).await?;
    let mut turns = Turns::default();
    for _ in 0..scale.rounds {
        sides.round(&closed, scale.messages, &mut turns).await?;
    }
    tell_highest(&turns, report);
    tell_idle(&sides, report).await?;
    for rate in RATES {
        let each = rate * scale.open_seconds * LONGER / usize_to_f64(scale.pairs);
        let each = direct::whole(each.ceil()).max(1);
        let mut turns = Turns::default();
        for round in 0..scale.rounds {
            let seed = scale.seed.wrapping_add(u64::try_from(round)?);
            let plan = Plan::open(scale.pairs, each, rate, seed);
            sides.round(&plan, each, &mut turns).await?;
        }
        tell_latency(rate, &turns, report)?;
        tell_cpu(&format!("at {rate:.0}/s"), &turns, report);
    }
    report.result("b5s_pulls", room::pulls(&sides.ours).into());
    Ok(())
}

fn spread(turns: &[Turn], of: impl Fn(&Turn) -> f64) -> Spread {
    Spread::of(turns.iter().map(of))
}

/// Of each round, ours to the sum of the two bare ones.
fn ratio(turns: &Turns, of: impl Fn(&Turn) -> f64) -> Spread {
    let bare = turns.kafka.iter().zip(&turns.cql);
    let rounds = turns.ours.iter().zip(bare);
    Spread::of(rounds.map(|(ours, (kafka, cql))| of(ours) / (of(kafka) + of(cql))))
}

fn tell_highest(turns: &Turns, report: &mut Report) {
    let rate = |turns: &[Turn]| spread(turns, |turn| turn.measured.rate());
    report.row(Row {
        id: "B5S",
        what: "1:1 on engines, highest rate, messages/s".to_owned(),
        ours: rate(&turns.ours).to_string(),
        floor: format!("Kafka {}, CQL {}", rate(&turns.kafka), rate(&turns.cql)),
        ratio: String::new(),
    });
    let json = json!({
        "server": rate(&turns.ours).json(),
        "kafka": rate(&turns.kafka).json(),
        "cql": rate(&turns.cql).json(),
    });
    report.result("b5s_highest_messages_per_second", json);
    tell_cpu("at the highest rate", turns, report);
}

/// What the server does when nobody does anything: it is in the figures of a low rate.
async fn tell_idle(sides: &Sides<'_>, report: &mut Report) -> Result<()> {
    let process = sides.house.process();
    let before = process.cpu()?;
    tokio::time::sleep(QUIET).await;
    let spent = process.cpu()?.saturating_sub(before);
    let each_second = spent.as_secs_f64() * 1e6 / QUIET.as_secs_f64();
    report.row(Row {
        id: "B5S",
        what: "1:1 on engines, idle, server CPU µs a second".to_owned(),
        ours: format!("{each_second:.0}"),
        floor: String::new(),
        ratio: String::new(),
    });
    report.result("b5s_idle_server_cpu_us_per_second", json!(each_second));
    Ok(())
}

fn tell_cpu(when: &str, turns: &Turns, report: &mut Report) {
    let own = |turn: &Turn| turn.measured.cpu_micros_per_message();
    let sides = [&turns.ours, &turns.kafka, &turns.cql];
    let [ours, kafka, cql] = sides.map(|turns| spread(turns, own));
    let [our_engines, kafka_itself, cql_itself] =
        sides.map(|turns| spread(turns, Turn::engines_micros));
    report.row(Row {
        id: "B5S",
        what: format!("1:1 on engines {when}, server CPU µs a message"),
        ours: ours.to_string(),
        floor: format!("Kafka's client {kafka}, CQL's {cql}"),
        ratio: ratio(turns, own).to_string(),
    });
    report.row(Row {
        id: "B5S",
        what: format!("1:1 on engines {when}, the engines' own CPU µs a message"),
        ours: our_engines.to_string(),
        floor: format!("bare Kafka {kafka_itself}, bare CQL {cql_itself}"),
        ratio: ratio(turns, Turn::engines_micros).to_string(),
    });
    let json = json!({
        "server_cpu_us_per_message": ours.json(),
        "kafka_client_cpu_us_per_message": kafka.json(),
        "cql_client_cpu_us_per_message": cql.json(),
        "engines_cpu_us_per_message": our_engines.json(),
        "engines_cpu_us_per_message_of_bare_kafka": kafka_itself.json(),
        "engines_cpu_us_per_message_of_bare_cql": cql_itself.json(),
    });
    report.result(&format!("b5s_cpu {when}"), json);
}

fn tell_latency(rate: f64, turns: &Turns, report: &mut Report) -> Result<()> {
    let all = |turns: &[Turn]| -> Result<Latency> {
        let mut all = Latency::new()?;
        for turn in turns {
            all.add(&turn.measured.latency)?;
        }
        Ok(all)
    };
    let (ours, kafka, cql) = (all(&turns.ours)?, all(&turns.kafka)?, all(&turns.cql)?);
    let of_all = |index: usize| {
        let at = |side: &Latency| side.quantiles().get(index).copied().map_or(0.0, micros);
        at(&ours) / (at(&kafka) + at(&cql))
    };
    let rounds = [
        ratio(turns, |turn| turn.latency()[0]),
        ratio(turns, |turn| turn.latency()[1]),
    ];
    report.row(Row {
        id: "B5S",
        what: format!("1:1 on engines, latency at {rate:.0}/s: p50 / p99 / p99.9 / max"),
        ours: ours.to_string(),
        floor: format!("Kafka {kafka}, CQL {cql}"),
        ratio: format!(
            "p50 {:.2} ({:.2}–{:.2}), p99 {:.2} ({:.2}–{:.2}) of the sum",
            of_all(0),
            rounds[0].least,
            rounds[0].most,
            of_all(1),
            rounds[1].least,
            rounds[1].most
        ),
    });
    let json = json!({
        "rounds": turns.ours.len(),
        "server": ours.json(),
        "kafka": kafka.json(),
        "cql": cql.json(),
        "p50_ratio_to_sum": of_all(0),
        "p99_ratio_to_sum": of_all(1),
        "p50_ratio_of_rounds": rounds[0].json(),
        "p99_ratio_of_rounds": rounds[1].json(),
    });
    report.result(&format!("b5s_at_{rate:.0}_a_second"), json);
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "far below 2^53")]
const fn micros(number: u64) -> f64 {
    number as f64
}
