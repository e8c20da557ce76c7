//! B1, B5 and B6 against servers of others, in turns with ours. None of them syncs.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{
    PLAINTEXT, Scale,
    direct::{self, Rooms, WINDOW},
    group, idle, people,
};
use crate::{
    house::House,
    load::{self, Measured, Plan, usize_to_f64},
    peer::{Kind, Peer, PeerSeat, version},
    report::{Report, Row, say},
    room::{self, Member},
    statistics::Spread,
};

/// Idle sockets of each.
const SOCKETS: usize = 2_000;
const SETTLE: Duration = Duration::from_secs(10);

pub(crate) async fn run(scale: &Scale, report: &mut Report) -> Result<()> {
    let mut kinds = Vec::new();
    for kind in [Kind::Nats, Kind::Ejabberd] {
        match version(kind) {
            Ok(version) => {
                say(&format!("peer {}: {version}", kind.name()));
                report.result(&format!("peer: {}", kind.name()), version.into());
                kinds.push(kind);
            }
            Err(why) => {
                say(&format!("peer {} skipped: {why}", kind.name()));
                report.result(&format!("peer: {}", kind.name()), why.to_string().into());
            }
        }
    }
    memory(scale, &kinds, report).await.context("B1")?;
    for (members, rooms) in [(2, scale.pairs), (10, 10), (100, 2)] {
        let compared = compare(scale, &kinds, (members, rooms), report).await;
        compared.with_context(|| format!("rooms of {members}"))?;
    }
    Ok(())
}

async fn memory(scale: &Scale, kinds: &[Kind], report: &mut Report) -> Result<()> {
    let count = SOCKETS.min(scale.sockets);
    let mut house = House::start(&scale.server, scale.folder.as_deref())?;
    let members = people::arrive(house.address(), people::make(count)?, true).await?;
    let people = members.into_iter().map(|member| member.person).collect();
    house.restart()?;
    let (_, ours, _) = idle::server(scale, &house, people).await?;
    for kind in kinds {
        let peer = Peer::start(*kind).await?;
        // What its start took is given back by then.
        tokio::time::sleep(SETTLE).await;
        let before = peer.process.memory()?;
        // Pairs, so that half of them are subscribed and half are not: as many sockets.
        let rooms = peer.rooms((count / 2, 1, PLAINTEXT)).await?;
        tokio::time::sleep(SETTLE).await;
        let theirs = idle::difference(before, peer.process.memory()?) / usize_to_f64(count);
        drop(rooms);
        report.row(Row {
            id: "B1",
            what: format!("user KiB a socket, {count} sockets, beside {}", kind.name()),
            ours: format!("{:.1}", ours / 1_024.0),
            floor: format!("{:.1}", theirs / 1_024.0),
            ratio: format!("{:.2}", ours / theirs),
        });
        let json = json!({ "sockets": count, "server_bytes": ours, "peer_bytes": theirs });
        report.result(&format!("b1_peer_{}", kind.name()), json);
    }
    Ok(())
}

struct Side {
    peer: Peer,
    rooms: Rooms<PeerSeat>,
    rounds: Vec<Measured>,
}

async fn compare(
    scale: &Scale,
    kinds: &[Kind],
    (members, rooms): (usize, usize),
    report: &mut Report,
) -> Result<()> {
    let house = House::start(&scale.server, scale.folder.as_deref())?;
    let mut ours: Rooms<Member> = if members == 2 {
        direct::pairs(scale, &house).await?
    } else {
        group::found(&house, members, rooms).await?
    };
    group::prepare(&mut ours, WINDOW)?;
    let warm = Plan::closed(rooms, WINDOW, WINDOW);
    (_, ours) = load::run(&warm, ours, house.process()).await?;
    let bytes = ours.first().map_or(0, room::ciphertext_bytes);
    let mut sides = Vec::new();
    for kind in kinds {
        let peer = Peer::start(*kind).await?;
        let seats = peer.rooms((rooms, members - 1, bytes)).await;
        let seats = seats.with_context(|| kind.name())?;
        let (_, seats) = load::run(&warm, seats, &peer.process).await?;
        sides.push(Side {
            peer,
            rooms: seats,
            rounds: Vec::new(),
        });
    }
    let messages = if members == 2 {
        scale.messages
    } else {
        (scale.deliveries / (members - 1) / rooms).max(WINDOW)
    };
    let plan = Plan::closed(rooms, messages, WINDOW);
    let mut of_server = Vec::new();
    for _ in 0..scale.rounds {
        for side in &mut sides {
            let seats = std::mem::take(&mut side.rooms);
            let turn = load::run(&plan, seats, &side.peer.process).await;
            let (measured, seats) = turn.with_context(|| side.peer.kind.name())?;
            side.rooms = seats;
            side.rounds.push(measured);
        }
        group::prepare(&mut ours, messages)?;
        let measured;
        (measured, ours) = load::run(&plan, ours, house.process()).await?;
        of_server.push(measured);
    }
    for side in &sides {
        tell((members, side.peer.kind), &of_server, &side.rounds, report);
    }
    Ok(())
}

fn tell(
    (members, kind): (usize, Kind),
    ours: &[Measured],
    theirs: &[Measured],
    report: &mut Report,
) {
    let cpu = |side: &[Measured]| Spread::of(side.iter().map(Measured::cpu_micros_per_delivery));
    let rate = |side: &[Measured]| Spread::of(side.iter().map(Measured::rate));
    let turns = ours.iter().zip(theirs);
    let ratio =
        Spread::of(turns.map(|(ours, theirs)| {
            ours.cpu_micros_per_delivery() / theirs.cpu_micros_per_delivery()
        }));
    let name = kind.name();
    report.row(Row {
        id: if members == 2 { "B5" } else { "B6" },
        what: format!("room of {members}, CPU µs a delivery, beside {name} (which does not sync)"),
        ours: cpu(ours).to_string(),
        floor: cpu(theirs).to_string(),
        ratio: ratio.to_string(),
    });
    let json = json!({
        "members": members,
        "rounds": ours.len(),
        "server_cpu_us_per_delivery": cpu(ours).json(),
        "peer_cpu_us_per_delivery": cpu(theirs).json(),
        "cpu_ratio": ratio.json(),
        "server_messages_per_second": rate(ours).json(),
        "peer_messages_per_second": rate(theirs).json(),
    });
    report.result(&format!("peer_{name}_{members}"), json);
}
