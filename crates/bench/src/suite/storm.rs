//! B4: everyone is cut off at once, misses three messages, and comes back at once.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use serde_json::json;
use tokio::task::JoinSet;
use xchat_crypto::SecretKey;
use xchat_proto::client::DeliveredRecord;

use super::{
    Scale,
    group::{found, prepare},
    turn::Turn,
};
use crate::{
    floor::{Floor, Kind, enter},
    house::House,
    load::{self, Plan, Seats},
    person::random,
    report::{Report, Row},
    room::Member,
    statistics::{Latency, Spread},
};

/// One sends, nine are cut off.
const MEMBERS: usize = 10;
const MISSED: usize = 3;
const PASSES: usize = 2;

struct Caught {
    room: usize,
    member: Member,
    drained: Vec<DeliveredRecord>,
    after: Duration,
}

pub(crate) async fn run(scale: &Scale, report: &mut Report) -> Result<()> {
    let house = House::start(&scale.server, scale.folder.as_deref())?;
    let floor = Floor::start(Kind::Door, None)?;
    let key = SecretKey::from_seed(random());
    let count = (scale.storm / (MEMBERS - 1)).max(1);
    let clients = count * (MEMBERS - 1);
    let mut rooms = found(&house, MEMBERS, count).await?;
    let (mut ours, mut floors) = (Vec::new(), Vec::new());
    let mut latency = Latency::new()?;
    for _ in 0..scale.rounds {
        let work = enter(floor.address, &key, (clients * PASSES, 0));
        floors.push(Turn::of(&floor.process, clients * PASSES, work).await?.1);
        prepare(&mut rooms, MISSED)?;
        let away = super::cut(&mut rooms).await?;
        let plan = Plan::closed(count, MISSED, MISSED);
        (_, rooms) = load::run(&plan, rooms, house.process()).await?;
        let work = storm(house.address(), away);
        let (caught, turn) = Turn::of(house.process(), clients, work).await?;
        ours.push(turn);
        anyhow::ensure!(caught.len() == clients, "somebody did not come back");
        for caught in caught {
            caught.member.verify(&caught.drained)?;
            latency.record(caught.after);
            let seats = rooms.get_mut(caught.room).context("a room")?;
            seats.push(caught.member);
        }
    }
    tell(clients, (&ours, &floors), &latency, report);
    Ok(())
}

/// All at once; returns when the last has what it missed.
async fn storm(address: SocketAddr, away: Vec<Seats<Member>>) -> Result<Vec<Caught>> {
    let start = Instant::now();
    let mut coming = JoinSet::new();
    let mut number = 0;
    for (room, seats) in away.into_iter().enumerate() {
        for mut member in seats {
            number += 1;
            coming.spawn(async move {
                let back = member.back(address, number).await;
                back.with_context(|| format!("client {number} came back"))?;
                let drained = member.drain().await?;
                anyhow::Ok(Caught {
                    room,
                    member,
                    drained,
                    after: start.elapsed(),
                })
            });
        }
    }
    let mut caught = Vec::with_capacity(number);
    while let Some(one) = coming.join_next().await {
        caught.push(one??);
    }
    Ok(caught)
}

fn tell(
    clients: usize,
    (ours, floors): (&[Turn], &[Turn]),
    latency: &Latency,
    report: &mut Report,
) {
    let cpu = |turns: &[Turn]| Spread::of(turns.iter().map(Turn::cpu_micros));
    let seconds = Spread::of(ours.iter().map(|turn| turn.elapsed.as_secs_f64()));
    let turns = ours.iter().zip(floors);
    let ratio = Spread::of(turns.map(|(ours, floor)| ours.cpu_micros() / floor.cpu_micros()));
    report.row(Row {
        id: "B4",
        what: format!(
            "{clients} clients back at once, {MISSED} missed each, server CPU µs a client"
        ),
        ours: cpu(ours).to_string(),
        floor: format!("{} of a bare login", cpu(floors)),
        ratio: ratio.to_string(),
    });
    report.row(Row {
        id: "B4",
        what: "the same, seconds until all have caught up".to_owned(),
        ours: seconds.to_string(),
        floor: String::new(),
        ratio: String::new(),
    });
    report.row(Row {
        id: "B4",
        what: "the same, each client: p50 / p99 / p99.9 / max".to_owned(),
        ours: latency.to_string(),
        floor: String::new(),
        ratio: String::new(),
    });
    let json = json!({
        "clients": clients,
        "missed_each": MISSED,
        "rounds": ours.len(),
        "server_cpu_us_per_client": cpu(ours).json(),
        "floor_cpu_us_per_login": cpu(floors).json(),
        "cpu_ratio": ratio.json(),
        "seconds_until_all": seconds.json(),
        "latency": latency.json(),
    });
    report.result("b4", json);
}
