//! B6: one message to all members of a room. Classical suite, one bundle, everyone has accepted.

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{PLAINTEXT, Scale, people};
use crate::{
    floor::{self, Floor, Kind},
    house::House,
    load::{self, Measured, Plan, Seats},
    report::{Report, Row},
    room::{self, Member},
    statistics::Spread,
};

/// Messages of one sender under way.
const WINDOW: usize = 8;

pub(crate) async fn run(scale: &Scale, report: &mut Report) -> Result<()> {
    let mut costs = Vec::new();
    for (members, rooms) in [(10, 10), (100, 2)] {
        // A process of its own for each size: what a larger room leaves behind is not counted.
        let house = House::start(&scale.server, scale.folder.as_deref())?;
        let cost = size(scale, &house, (members, rooms), report).await;
        costs.push(cost.with_context(|| format!("rooms of {members}"))?);
    }
    if let [small, large] = costs.as_slice() {
        let what = "CPU µs a delivery, rooms of 10 → 100";
        report.growth("B6", what, (*small, *large));
    }
    Ok(())
}

async fn size(
    scale: &Scale,
    house: &House,
    (members, rooms): (usize, usize),
    report: &mut Report,
) -> Result<f64> {
    let mut ours = found(house, members, rooms).await?;
    prepare(&mut ours, WINDOW)?;
    let warm = Plan::closed(rooms, WINDOW, WINDOW);
    (_, ours) = load::run(&warm, ours, house.process()).await?;
    let bytes = ours.first().map_or(0, room::ciphertext_bytes);
    // Fan-out as small writes and nothing else: nothing is synced.
    let floor = Floor::start(Kind::Relay, None)?;
    let mut floors = floor::rooms(&floor, (rooms, members - 1, bytes)).await?;

    let messages = (scale.deliveries / (members - 1) / rooms).max(WINDOW);
    let plan = Plan::closed(rooms, messages, WINDOW);
    let (mut of_floor, mut of_server) = (Vec::new(), Vec::new());
    for _ in 0..scale.rounds {
        let measured;
        (measured, floors) = load::run(&plan, floors, &floor.process).await?;
        of_floor.push(measured);
        prepare(&mut ours, messages)?;
        let measured;
        (measured, ours) = load::run(&plan, ours, house.process()).await?;
        of_server.push(measured);
    }
    tell((members, room::pulls(&ours)), &of_server, &of_floor, report);
    let cpu = of_server.iter().map(Measured::cpu_micros_per_delivery);
    Ok(Spread::of(cpu).median)
}

pub(super) async fn found(
    house: &House,
    members: usize,
    rooms: usize,
) -> Result<Vec<Seats<Member>>> {
    let people = people::make(members * rooms)?;
    let mut arrived = people::arrive(house.address(), people, true).await?;
    let mut founded = Vec::new();
    for _ in 0..rooms {
        let seats = arrived.split_off(arrived.len() - members);
        founded.push(room::found(seats, xchat_mls::Suite::Classical).await?);
    }
    Ok(founded)
}

pub(super) fn prepare(rooms: &mut [Seats<Member>], count: usize) -> Result<()> {
    let mut rooms = rooms.iter_mut();
    rooms.try_for_each(|room| room::prepare(room, count, PLAINTEXT))
}

fn tell(
    (members, pulls): (usize, usize),
    ours: &[Measured],
    floor: &[Measured],
    report: &mut Report,
) {
    let cpu = |side: &[Measured]| Spread::of(side.iter().map(Measured::cpu_micros_per_delivery));
    let ratio = Spread::of(
        ours.iter()
            .zip(floor)
            .map(|(ours, floor)| ours.cpu_micros_per_delivery() / floor.cpu_micros_per_delivery()),
    );
    let rate = Spread::of(ours.iter().map(Measured::rate));
    report.row(Row {
        id: "B6",
        what: format!("room of {members}, server CPU µs a delivery ({pulls} pulls)"),
        ours: cpu(ours).to_string(),
        floor: cpu(floor).to_string(),
        ratio: ratio.to_string(),
    });
    let json = json!({
        "members": members,
        "pulls": pulls,
        "rounds": ours.len(),
        "deliveries_per_round": ours.first().map(|round| round.deliveries),
        "server_cpu_us_per_delivery": cpu(ours).json(),
        "floor_cpu_us_per_delivery": cpu(floor).json(),
        "cpu_ratio": ratio.json(),
        "messages_per_second": rate.json(),
    });
    report.result(if members == 10 { "b6_10" } else { "b6_100" }, json);
}
