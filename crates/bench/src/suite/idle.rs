//! B1: memory of an authenticated, subscribed socket on which nothing happens but heartbeats.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tokio::{net::TcpStream, task::JoinSet};

use super::{Scale, people};
use crate::{
    floor::{Floor, Kind},
    house::House,
    load::usize_to_f64,
    person::Person,
    process,
    report::{Report, Row},
    statistics::Spread,
};

/// Two seconds apart, readings of a machine on which nothing else happens differ by less.
const SETTLED_BYTES: u64 = 256 << 10;
const READINGS: usize = 10;

/// One round of both.
#[derive(Debug)]
struct Round {
    kernel: f64,
    floor_user: f64,
    server: f64,
    server_cpu: f64,
}

pub(crate) async fn run(scale: &Scale, report: &mut Report) -> Result<()> {
    let count = scale.rounds.min(3);
    // Before the server's sockets come and go: the kernel frees theirs late, and memory, unlike
    // time, does not drift.
    let mut floors = Vec::new();
    for _ in 0..count {
        floors.push(floor(scale).await?);
    }
    let mut house = House::start(&scale.server, scale.folder.as_deref())?;
    // Signed up once; only logins are repeated.
    let mut people: Vec<Person> = Vec::new();
    let members = people::arrive(house.address(), people::make(scale.sockets)?, true).await?;
    people.extend(members.into_iter().map(|member| member.person));
    let mut rounds = Vec::new();
    for (kernel, floor_user) in floors {
        house.restart()?;
        let (back, server, server_cpu) = server(scale, &house, people).await?;
        people = back;
        rounds.push(Round {
            kernel,
            floor_user,
            server,
            server_cpu,
        });
    }
    tell(scale, &rounds, report);
    // The same people, a tenth of them.
    people.truncate(scale.sockets / 10);
    let mut small = Vec::new();
    for _ in 0..count {
        house.restart()?;
        let (back, bytes, _) = server(scale, &house, people).await?;
        people = back;
        small.push(bytes / 1_024.0);
    }
    let large = Spread::of(rounds.iter().map(|round| round.server / 1_024.0));
    let what = format!("KiB a socket, {} → {} sockets", people.len(), scale.sockets);
    report.growth("B1", &what, (Spread::of(small).median, large.median));
    Ok(())
}

/// Bytes a socket: of the kernel for one end, and of the process that holds it.
async fn floor(scale: &Scale) -> Result<(f64, f64)> {
    let floor = Floor::start(Kind::Relay, None)?;
    let (kernel, user) = (settled_kernel_memory().await?, floor.process.memory()?);
    let mut sockets = Vec::with_capacity(scale.sockets);
    for _ in 0..scale.sockets {
        sockets.push(TcpStream::connect(floor.address).await?);
    }
    let count = usize_to_f64(scale.sockets);
    // Both ends are on this machine.
    let kernel = difference(kernel, settled_kernel_memory().await?) / count / 2.0;
    Ok((kernel, difference(user, floor.process.memory()?) / count))
}

/// What the kernel holds once it has freed what it frees late.
async fn settled_kernel_memory() -> Result<u64> {
    let mut before = process::kernel_memory()?;
    for _ in 0..READINGS {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let now = process::kernel_memory()?;
        if now.abs_diff(before) < SETTLED_BYTES {
            break;
        }
        before = now;
    }
    process::kernel_memory()
}

/// Bytes a socket, and CPU microseconds a socket and second while idle.
pub(super) async fn server(
    scale: &Scale,
    house: &House,
    people: Vec<Person>,
) -> Result<(Vec<Person>, f64, f64)> {
    let before = house.process().memory()?;
    let members = people::arrive(house.address(), people, false).await?;
    let (mut people, mut links) = (Vec::new(), JoinSet::new());
    for member in members {
        people.push(member.person);
        let mut link = member.link;
        links.spawn(async move { link.idle().await });
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let cpu = house.process().cpu()?;
    let settle = Duration::from_secs(scale.settle_seconds);
    tokio::select! {
        () = tokio::time::sleep(settle) => {}
        ended = links.join_next() => {
            let closed: Result<()> = ended.context("no sockets")??;
            closed?;
        }
    }
    let cpu = house.process().cpu()?.saturating_sub(cpu);
    let count = usize_to_f64(people.len());
    let memory = difference(before, house.process().memory()?) / count;
    let cpu = cpu.as_secs_f64() * 1e6 / settle.as_secs_f64() / count;
    Ok((people, memory, cpu))
}

fn tell(scale: &Scale, rounds: &[Round], report: &mut Report) {
    let of = |field: fn(&Round) -> f64| Spread::of(rounds.iter().map(field));
    let kib = |field: fn(&Round) -> f64| {
        let spread = of(field);
        format!(
            "{:.2} ({:.2}–{:.2}) KiB",
            spread.median / 1_024.0,
            spread.least / 1_024.0,
            spread.most / 1_024.0
        )
    };
    let ratio = of(|round| round.server / round.kernel);
    report.row(Row {
        id: "B1",
        what: format!("user memory a socket, {} sockets", scale.sockets),
        ours: kib(|round| round.server),
        floor: format!("{} of the kernel", kib(|round| round.kernel)),
        ratio: format!("{:.2}", ratio.median),
    });
    report.row(Row {
        id: "B1",
        what: "the same, of a process that only holds the sockets".to_owned(),
        ours: String::new(),
        floor: kib(|round| round.floor_user),
        ratio: String::new(),
    });
    report.row(Row {
        id: "B1",
        what: "CPU of an idle socket, µs a second".to_owned(),
        ours: format!("{:.1}", of(|round| round.server_cpu).median),
        floor: String::new(),
        ratio: String::new(),
    });
    let json: Value = json!({
        "sockets": scale.sockets,
        "watched_seconds": scale.settle_seconds,
        "rounds": rounds.len(),
        "server_bytes_per_socket": of(|round| round.server).json(),
        "kernel_bytes_per_socket": of(|round| round.kernel).json(),
        "floor_user_bytes_per_socket": of(|round| round.floor_user).json(),
        "ratio_to_kernel": ratio.json(),
        "server_idle_cpu_us_per_socket_second": of(|round| round.server_cpu).json(),
    });
    report.result("b1", json);
}

#[allow(clippy::cast_precision_loss, reason = "memory is far below 2^53 bytes")]
pub(super) fn difference(before: u64, after: u64) -> f64 {
    after as f64 - before as f64
}
