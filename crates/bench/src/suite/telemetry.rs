//! What telemetry costs: the closed rounds of B5 on one server that exports nothing, one that
//! traces one request in a hundred, and one that traces all, in turns.

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{
    Scale,
    direct::{Rooms, WINDOW, pairs, prepare},
};
use crate::{
    collector::Collector,
    house::House,
    load::{self, Measured, Plan},
    report::{Report, Row},
    room::Member,
    statistics::Spread,
};

/// Longer rounds than B5's: a difference of some hundredths is looked for.
const TIMES: usize = 2;

struct Side {
    name: &'static str,
    house: House,
    rooms: Rooms<Member>,
    rounds: Vec<Measured>,
}

pub(crate) async fn run(scale: &Scale, report: &mut Report) -> Result<()> {
    let collector = Collector::start()?;
    let mut sides = Vec::new();
    for (name, sampling) in [("off", None), ("1 %", Some("0.01")), ("100 %", Some("1"))] {
        let settings = sampling.map_or_else(Vec::new, |sampling| {
            vec![
                ("TELEMETRY__ENDPOINT", collector.endpoint()),
                ("TELEMETRY__SAMPLING", sampling.to_owned()),
            ]
        });
        let house = House::with(&scale.server, scale.folder.as_deref(), settings)?;
        let mut rooms = pairs(scale, &house).await?;
        prepare(&mut rooms, WINDOW)?;
        let plan = Plan::closed(scale.pairs, WINDOW, WINDOW);
        (_, rooms) = load::run(&plan, rooms, house.process()).await?;
        sides.push(Side {
            name,
            house,
            rooms,
            rounds: Vec::new(),
        });
    }
    let messages = scale.messages * TIMES;
    let plan = Plan::closed(scale.pairs, messages, WINDOW);
    for _ in 0..scale.rounds {
        for side in &mut sides {
            prepare(&mut side.rooms, messages)?;
            let (measured, rooms) =
                load::run(&plan, std::mem::take(&mut side.rooms), side.house.process()).await?;
            side.rooms = rooms;
            side.rounds.push(measured);
        }
    }
    tell(&sides, report)
}

fn tell(sides: &[Side], report: &mut Report) -> Result<()> {
    let (off, others) = sides.split_first().context("three sides")?;
    let cpu = |side: &Side| Spread::of(side.rounds.iter().map(Measured::cpu_micros_per_message));
    for side in others {
        let turns = side.rounds.iter().zip(&off.rounds);
        let ratio = Spread::of(
            turns.map(|(on, off)| on.cpu_micros_per_message() / off.cpu_micros_per_message()),
        );
        report.row(Row {
            id: "telemetry",
            what: format!("1:1 durable, server CPU µs a message, {} traced", side.name),
            ours: cpu(side).to_string(),
            floor: format!("{} with telemetry off", cpu(off)),
            ratio: format!(
                "{:.3} ({:.3}–{:.3}) of turns, {:.3} of medians",
                ratio.median,
                ratio.least,
                ratio.most,
                cpu(side).median / cpu(off).median
            ),
        });
    }
    for side in sides {
        let json = json!({
            "rounds": side.rounds.len(),
            "messages_per_round": side.rounds.first().map(|round| round.messages),
            "server_cpu_us_per_message": cpu(side).json(),
        });
        report.result(&format!("telemetry_{}", side.name), json);
    }
    Ok(())
}
