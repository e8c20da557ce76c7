//! B5: 1:1, from a durable submit to its delivery. Hybrid suite, as the product's 1:1 is.

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{PLAINTEXT, Scale, people};
use crate::{
    floor::{self, Floor, Kind},
    house::House,
    load::{self, Measured, Plan, Seats, usize_to_f64},
    process,
    report::{Report, Row},
    room::{self, Member},
    statistics::Spread,
};

/// Messages of one sender under way while the highest rate is looked for.
pub(super) const WINDOW: usize = 8;
const GROWTH: usize = 10;

/// What one side of the comparison drives: the server or the floor.
pub(super) type Rooms<E> = Vec<Seats<E>>;

pub(crate) async fn run(scale: &Scale, report: &mut Report) -> Result<()> {
    let house = House::start(&scale.server, scale.folder.as_deref())?;
    let log = match &scale.folder {
        Some(folder) => tempfile::NamedTempFile::new_in(folder)?,
        None => tempfile::NamedTempFile::new()?,
    };
    let floor = Floor::start(Kind::Relay, Some(log.path()))?;
    let mut ours = pairs(scale, &house).await?;
    // The first messages of a conversation warm what later ones find warm.
    prepare(&mut ours, WINDOW)?;
    let plan = Plan::closed(scale.pairs, WINDOW, WINDOW);
    (_, ours) = load::run(&plan, ours, house.process()).await?;
    let bytes = ours.first().map_or(0, room::ciphertext_bytes);
    let mut floors = floor::rooms(&floor, (scale.pairs, 1, bytes)).await?;

    let plan = Plan::closed(scale.pairs, scale.messages, WINDOW);
    let (mut of_floor, mut of_server) = (Vec::new(), Vec::new());
    let wire = Wire::of(&ours);
    let disk = (
        process::used_bytes(&house.data())?,
        house.process().written()?,
    );
    for _ in 0..scale.rounds {
        let measured;
        (measured, floors) = load::run(&plan, floors, &floor.process).await?;
        of_floor.push(measured);
        prepare(&mut ours, scale.messages)?;
        let measured;
        (measured, ours) = load::run(&plan, ours, house.process()).await?;
        of_server.push(measured);
    }
    let messages = scale.rounds * scale.messages * scale.pairs;
    let disk_now = (
        process::used_bytes(&house.data())?,
        house.process().written()?,
    );
    tell_highest(&of_server, &of_floor, report);
    let stored = per(disk_now.0.saturating_sub(disk.0), messages);
    let written = per(disk_now.1.saturating_sub(disk.1), messages);
    Wire::of(&ours).tell((&wire, messages), (stored, written), report);

    let highest = Spread::of(of_server.iter().map(Measured::rate)).median;
    for (share, id) in [(0.1, "b5_at_10_percent"), (0.7, "b5_at_70_percent")] {
        let rate = highest * share;
        let each = (rate * scale.open_seconds / usize_to_f64(scale.pairs)).ceil();
        let each = whole(each).max(2);
        let plan = Plan::open(scale.pairs, each, rate, scale.seed);
        let at_floor;
        (at_floor, floors) = load::run(&plan, floors, &floor.process).await?;
        prepare(&mut ours, each)?;
        let at_server;
        (at_server, ours) = load::run(&plan, ours, house.process()).await?;
        tell_latency(share, id, (&at_server, &at_floor), report);
    }
    report.result("b5_pulls", room::pulls(&ours).into());
    drop((ours, house));
    growth(scale, report).await
}

/// As many messages among so many pairs and among ten times as many, in turns.
/// One message of each pair under way at both sizes: what is shared among several would be growth of
/// another thing, and many more at once the server refuses.
async fn growth(scale: &Scale, report: &mut Report) -> Result<()> {
    let mut sides = Vec::new();
    for pairs_of in [scale.pairs, scale.pairs * GROWTH] {
        let scale = Scale {
            pairs: pairs_of,
            ..scale.clone()
        };
        let house = House::start(&scale.server, scale.folder.as_deref())?;
        let mut rooms = pairs(&scale, &house).await?;
        prepare(&mut rooms, WINDOW)?;
        let plan = Plan::closed(pairs_of, WINDOW, 1);
        (_, rooms) = load::run(&plan, rooms, house.process()).await?;
        sides.push((house, rooms, Vec::new()));
    }
    for _ in 0..scale.rounds {
        for (house, rooms, rounds) in &mut sides {
            let each = WINDOW * GROWTH * scale.pairs / rooms.len();
            prepare(rooms, each)?;
            let plan = Plan::closed(rooms.len(), each, 1);
            let turn = load::run(&plan, std::mem::take(rooms), house.process()).await?;
            rounds.push(turn.0.cpu_micros_per_message());
            *rooms = turn.1;
        }
    }
    let medians: Vec<f64> = sides
        .into_iter()
        .map(|(_, _, rounds)| Spread::of(rounds).median)
        .collect();
    if let [small, large] = medians.as_slice() {
        let (from, to) = (scale.pairs, scale.pairs * GROWTH);
        let what = format!("CPU µs a message, {from} → {to} pairs");
        report.growth("B5", &what, (*small, *large));
    }
    Ok(())
}

pub(super) async fn pairs(scale: &Scale, house: &House) -> Result<Rooms<Member>> {
    let people = people::make(2 * scale.pairs)?;
    let mut members = people::arrive(house.address(), people, true).await?;
    let mut rooms = Vec::new();
    while let (Some(one), Some(other)) = (members.pop(), members.pop()) {
        let room = room::found(vec![one, other], xchat_mls::Suite::Hybrid).await;
        rooms.push(room.context("a 1:1 conversation")?);
    }
    Ok(rooms)
}

pub(super) fn prepare(rooms: &mut Rooms<Member>, count: usize) -> Result<()> {
    let mut rooms = rooms.iter_mut();
    rooms.try_for_each(|room| room::prepare(room, count, PLAINTEXT))
}

fn tell_highest(ours: &[Measured], floor: &[Measured], report: &mut Report) {
    let cpu = |side: &[Measured]| Spread::of(side.iter().map(Measured::cpu_micros_per_message));
    let rate = |side: &[Measured]| Spread::of(side.iter().map(Measured::rate));
    let (our_cpu, floor_cpu) = (cpu(ours), cpu(floor));
    let ratios = ours.iter().zip(floor);
    let ratio = Spread::of(
        ratios.map(|(ours, floor)| ours.cpu_micros_per_message() / floor.cpu_micros_per_message()),
    );
    report.row(Row {
        id: "B5",
        what: "1:1 durable, server CPU µs a message".to_owned(),
        ours: our_cpu.to_string(),
        floor: floor_cpu.to_string(),
        ratio: format!("{ratio}"),
    });
    report.row(Row {
        id: "B5",
        what: "1:1 durable, highest rate, messages/s".to_owned(),
        ours: rate(ours).to_string(),
        floor: rate(floor).to_string(),
        ratio: format!("{:.2}", rate(ours).median / rate(floor).median),
    });
    let json = json!({
        "rounds": ours.len(),
        "messages_per_round": ours.first().map(|round| round.messages),
        "server_cpu_us_per_message": our_cpu.json(),
        "floor_cpu_us_per_message": floor_cpu.json(),
        "cpu_ratio": ratio.json(),
        "messages_per_second": rate(ours).json(),
        "floor_messages_per_second": rate(floor).json(),
    });
    report.result("b5", json);
}

fn tell_latency(
    share: f64,
    id: &'static str,
    (ours, floor): (&Measured, &Measured),
    report: &mut Report,
) {
    let [our_p50, ..] = ours.latency.quantiles();
    let [floor_p50, ..] = floor.latency.quantiles();
    let ratio = f64::from(u32::try_from(our_p50).unwrap_or(u32::MAX))
        / f64::from(u32::try_from(floor_p50).unwrap_or(u32::MAX));
    report.row(Row {
        id: "B5",
        what: format!(
            "latency at {:.0} % ({:.0}/s): p50 / p99 / p99.9 / max",
            share * 100.0,
            ours.rate()
        ),
        ours: ours.latency.to_string(),
        floor: floor.latency.to_string(),
        ratio: format!("{ratio:.2} (p50)"),
    });
    let json = json!({
        "messages_per_second": ours.rate(),
        "server": ours.latency.json(),
        "floor": floor.latency.json(),
        "server_cpu_us_per_message": ours.cpu_micros_per_message(),
        "floor_cpu_us_per_message": floor.cpu_micros_per_message(),
    });
    report.result(id, json);
}

/// Bytes at the sockets of all rooms so far.
#[derive(Debug, Default)]
struct Wire {
    ciphertext: u64,
    pushed: u64,
    received: u64,
    sent: u64,
    ciphertext_each: usize,
}

impl Wire {
    fn of(rooms: &Rooms<Member>) -> Self {
        let mut wire = Self::default();
        for room in rooms {
            wire.ciphertext_each = room::ciphertext_bytes(room);
            for member in room.iter().skip(1) {
                wire.ciphertext += member.ciphertext;
                wire.pushed += member.link.pushed;
            }
            for member in room {
                wire.received += member.link.received;
                wire.sent += member.link.sent;
            }
        }
        wire
    }

    fn tell(
        &self,
        (before, messages): (&Self, usize),
        (stored, written): (f64, f64),
        report: &mut Report,
    ) {
        let since =
            |field: fn(&Self) -> u64| per(field(self).saturating_sub(field(before)), messages);
        let ciphertext = since(|wire| wire.ciphertext);
        let pushed = since(|wire| wire.pushed);
        let (received, sent) = (since(|wire| wire.received), since(|wire| wire.sent));
        let what = |text: &str| format!("{text}, bytes a message");
        for (text, ours, floor) in [
            ("delivery on the wire", pushed, ciphertext),
            ("all frames of both devices", received + sent, ciphertext),
            ("kept on disk", stored, ciphertext),
            ("written to disk", written, ciphertext),
        ] {
            report.row(Row {
                id: "B5",
                what: what(text),
                ours: format!("{ours:.0}"),
                floor: format!("{floor:.0} of ciphertext"),
                ratio: format!("+{:.0} B", ours - floor),
            });
        }
        let json = json!({
            "ciphertext": self.ciphertext_each,
            "delivery_frame": pushed,
            "all_frames_received_by_both": received,
            "all_frames_sent_by_both": sent,
            "kept_on_disk": stored,
            "written_to_disk": written,
        });
        report.result("b5_bytes_per_message", json);
    }
}

#[allow(clippy::cast_precision_loss, reason = "bytes are far below 2^53")]
fn per(bytes: u64, messages: usize) -> f64 {
    bytes as f64 / usize_to_f64(messages)
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a positive count of messages"
)]
pub(super) const fn whole(number: f64) -> usize {
    number as usize
}
