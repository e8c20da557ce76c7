//! B7: what was stored while a device was away, pulled after its login; at a history and ten times it.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use serde_json::json;
use tokio::task::JoinSet;
use xchat_proto::client::DeliveredRecord;

use super::{
    Scale,
    direct::{Rooms, WINDOW, pairs, prepare},
    turn::Turn,
};
use crate::{
    floor::{Floor, Kind, read_all},
    house::House,
    load::{self, Plan, Seats, usize_to_f64},
    report::{Report, Row},
    room::{self, Member},
    statistics::Spread,
};

/// The floor reads all files so often a turn: once is too short for the kernel's clock of CPU time.
const PASSES: usize = 40;
const GROWTH: usize = 10;

/// Turns of both sides, and bytes of payload of an envelope.
struct Measured {
    stored: usize,
    server: Vec<Turn>,
    floor: Vec<Turn>,
    bytes: usize,
}

pub(crate) async fn run(scale: &Scale, report: &mut Report) -> Result<()> {
    let mut sizes = Vec::new();
    for stored in [scale.stored, scale.stored * GROWTH] {
        let measured = size(scale, stored).await;
        let measured = measured.with_context(|| format!("{stored} envelopes a user"))?;
        tell(scale, &measured, report);
        sizes.push(cpu(&measured.server).median);
    }
    if let [small, large] = sizes.as_slice() {
        let (from, to) = (scale.stored, scale.stored * GROWTH);
        let what = format!("CPU µs an envelope, history of {from} → {to}");
        report.growth("B7", &what, (*small, *large));
    }
    Ok(())
}

async fn size(scale: &Scale, stored: usize) -> Result<Measured> {
    let house = House::start(&scale.server, scale.folder.as_deref())?;
    let mut rooms = pairs(scale, &house).await?;
    let mut away = store(&mut rooms, &house, stored).await?;
    let bytes = rooms.first().map_or(0, room::ciphertext_bytes);
    let files = match &scale.folder {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    write_files(files.path(), away.len(), stored * bytes)?;
    let floor = Floor::start(Kind::Stream, Some(files.path()))?;
    let mut measured = Measured {
        stored,
        server: Vec::new(),
        floor: Vec::new(),
        bytes,
    };
    let envelopes = away.len() * stored;
    for _ in 0..scale.rounds {
        let passes = async {
            for _ in 0..PASSES {
                let read = read_all(floor.address, away.len()).await?;
                anyhow::ensure!(read == envelopes * bytes, "the floor sent {read} bytes");
            }
            Ok(())
        };
        let ((), turn) = Turn::of(&floor.process, envelopes * PASSES, passes).await?;
        measured.floor.push(turn);
        let drained = drain(&house, away).await?;
        away = drained.0;
        measured.server.push(drained.1);
    }
    Ok(measured)
}

/// All receivers are cut off, then each gets `stored` envelopes.
async fn store(rooms: &mut Rooms<Member>, house: &House, stored: usize) -> Result<Vec<Member>> {
    prepare(rooms, stored)?;
    let away = super::cut(rooms).await?;
    let plan = Plan::closed(rooms.len(), stored, WINDOW);
    (_, *rooms) = load::run(&plan, std::mem::take(rooms), house.process()).await?;
    Ok(away.into_iter().flatten().collect())
}

fn write_files(folder: &Path, files: usize, bytes: usize) -> Result<()> {
    for number in 0..files {
        fs::write(folder.join(number.to_string()), vec![0x5A; bytes])?;
    }
    Ok(())
}

/// Everyone logs in; then the clock starts.
async fn drain(house: &House, mut away: Seats<Member>) -> Result<(Seats<Member>, Turn)> {
    let mut envelopes = 0;
    for (number, member) in away.iter_mut().enumerate() {
        member.rewind();
        member.back(house.address(), number).await?;
        envelopes += member.envelopes();
    }
    let pulls = async {
        let mut pulling = JoinSet::new();
        for mut member in away {
            pulling.spawn(async move {
                let drained = member.drain().await?;
                anyhow::Ok((member, drained))
            });
        }
        let mut all: Vec<(Member, Vec<DeliveredRecord>)> = Vec::new();
        while let Some(drained) = pulling.join_next().await {
            all.push(drained??);
        }
        Ok(all)
    };
    let (all, turn) = Turn::of(house.process(), envelopes, pulls).await?;
    let mut back = Vec::new();
    for (mut member, drained) in all {
        member.verify(&drained)?;
        member.cut().await?;
        back.push(member);
    }
    Ok((back, turn))
}

fn cpu(turns: &[Turn]) -> Spread {
    Spread::of(turns.iter().map(Turn::cpu_micros))
}

fn tell(scale: &Scale, measured: &Measured, report: &mut Report) {
    let megabytes = |turn: &Turn| turn.rate() * usize_to_f64(measured.bytes) / 1e6;
    let speed = |turns: &[Turn]| Spread::of(turns.iter().map(megabytes));
    let turns = || measured.server.iter().zip(&measured.floor);
    let cpu_ratio = Spread::of(turns().map(|(ours, floor)| ours.cpu_micros() / floor.cpu_micros()));
    let share = Spread::of(turns().map(|(ours, floor)| megabytes(ours) / megabytes(floor)));
    let (server_speed, floor_speed) = (speed(&measured.server), speed(&measured.floor));
    let (server_cpu, floor_cpu) = (cpu(&measured.server), cpu(&measured.floor));
    let (users, stored) = (scale.pairs, measured.stored);
    report.row(Row {
        id: "B7",
        what: format!("{users} users drain {stored} envelopes each, MB of payload a second"),
        ours: server_speed.to_string(),
        floor: floor_speed.to_string(),
        ratio: format!("{:.4} ({:.4}–{:.4})", share.median, share.least, share.most),
    });
    report.row(Row {
        id: "B7",
        what: format!(
            "the same, server CPU µs an envelope of {} bytes",
            measured.bytes
        ),
        ours: server_cpu.to_string(),
        floor: format!("{:.3}", floor_cpu.median),
        ratio: cpu_ratio.to_string(),
    });
    let json = json!({
        "users": users,
        "envelopes_each": stored,
        "payload_bytes": measured.bytes,
        "rounds": measured.server.len(),
        "server_cpu_us_per_envelope": server_cpu.json(),
        "floor_cpu_us_per_envelope": floor_cpu.json(),
        "server_mb_per_second": server_speed.json(),
        "floor_mb_per_second": floor_speed.json(),
        "share_of_floor": share.json(),
    });
    report.result(&format!("b7_{stored}"), json);
}
