//! Arguments, and the order of things.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{
    engines::Addresses,
    floor, process,
    report::{Report, say},
    suite::{self, Scale},
};

/// Measures a server beside the floor of the same work.
#[derive(Debug, Parser)]
#[command(name = "xchat-bench")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the suite, print a table, write JSON.
    Run(Run),
    /// The floor's process; the suite starts it by itself.
    Floor {
        kind: floor::Kind,
        /// The file that is synced, or the folder that is streamed.
        path: Option<PathBuf>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Benchmark {
    /// Memory of idle sockets.
    B1,
    /// Logins and registrations.
    B3,
    /// Everyone is cut off and comes back.
    B4,
    /// 1:1, durable submit to delivery.
    B5,
    /// B5 on Kafka, Cassandra and Redis; only when it is asked for.
    B5s,
    /// Fan-out in rooms.
    B6,
    /// What was stored is pulled.
    B7,
    /// B1, B5 and B6 beside servers of others; only when it is asked for.
    Peers,
    /// What telemetry costs B5; only when it is asked for.
    Telemetry,
}

#[derive(Debug, Args)]
struct Run {
    /// A fraction of the rounds and sizes: shows that it works, not what it costs.
    #[arg(long)]
    quick: bool,
    /// Only these.
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["b1", "b3", "b4", "b5", "b6", "b7"])]
    only: Vec<Benchmark>,
    /// Where the results go.
    #[arg(long, default_value = "bench.json")]
    json: PathBuf,
    /// Program of the server; else the one built beside this program.
    #[arg(long)]
    server: Option<PathBuf>,
    /// Folder for data, on the disk that is to be synced to; else the system's temporary one.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Sockets of B1, at most; fewer where the limit of open files says so.
    #[arg(long, default_value_t = 5_000)]
    sockets: usize,
    /// Rounds of each benchmark; a machine that others use needs more.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Of the arrivals.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    engines: Addresses,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = runtime().and_then(|runtime| {
        runtime.block_on(async {
            match arguments.command {
                Command::Run(run) => Box::pin(all(&run)).await,
                Command::Floor { kind, path } => floor::serve(kind, path.as_deref()).await,
            }
        })
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// One thread: on a small machine a generator that wants more would take it from the server.
fn runtime() -> Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.context("can't start")
}

async fn all(run: &Run) -> Result<()> {
    let open_files = process::raise_open_files();
    let scale = scale(run, open_files)?;
    let mut report = Report::new();
    say(&format!("{scale:?}"));
    if run.only.contains(&Benchmark::B1) {
        let b1 = suite::idle::run(&scale, &mut report);
        Box::pin(b1).await.context("B1")?;
    }
    if run.only.contains(&Benchmark::B3) {
        let b3 = suite::login::run(&scale, &mut report);
        Box::pin(b3).await.context("B3")?;
    }
    if run.only.contains(&Benchmark::B4) {
        let b4 = suite::storm::run(&scale, &mut report);
        Box::pin(b4).await.context("B4")?;
    }
    if run.only.contains(&Benchmark::B5) {
        let b5 = suite::direct::run(&scale, &mut report);
        Box::pin(b5).await.context("B5")?;
    }
    if run.only.contains(&Benchmark::B5s) {
        let b5s = suite::engines::run(&scale, &mut report);
        Box::pin(b5s).await.context("B5S")?;
    }
    if run.only.contains(&Benchmark::B6) {
        let b6 = suite::group::run(&scale, &mut report);
        Box::pin(b6).await.context("B6")?;
    }
    if run.only.contains(&Benchmark::B7) {
        let b7 = suite::drain::run(&scale, &mut report);
        Box::pin(b7).await.context("B7")?;
    }
    if run.only.contains(&Benchmark::Peers) {
        let peers = suite::peers::run(&scale, &mut report);
        Box::pin(peers).await.context("peers")?;
    }
    if run.only.contains(&Benchmark::Telemetry) {
        let cost = suite::telemetry::run(&scale, &mut report);
        Box::pin(cost).await.context("telemetry")?;
    }
    report.finish(&run.json)
}

fn scale(run: &Run, open_files: u64) -> Result<Scale> {
    let server = match &run.server {
        Some(server) => server.clone(),
        None => beside()?,
    };
    // Some are for stores, logs and the gateway's reserve.
    let most = usize::try_from(open_files).unwrap_or(usize::MAX) * 9 / 10;
    let sockets = run.sockets.min(most.saturating_sub(256));
    let full = Scale {
        server,
        folder: run.folder.clone(),
        rounds: run.rounds,
        engines: run.engines.clone(),
        sockets,
        settle_seconds: 35,
        pairs: 100,
        messages: 40,
        open_seconds: 5.0,
        deliveries: 20_000,
        logins: 500,
        registrations: 100,
        storm: 2_000.min(sockets),
        stored: 100,
        seed: run.seed,
    };
    Ok(if run.quick {
        Scale {
            rounds: 1,
            sockets: sockets.min(500),
            settle_seconds: 2,
            pairs: 10,
            messages: 20,
            open_seconds: 1.0,
            deliveries: 1_000,
            logins: 50,
            registrations: 10,
            storm: 90,
            stored: 10,
            ..full
        }
    } else {
        full
    })
}

fn beside() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let server = own.with_file_name("server-under-bench");
    anyhow::ensure!(
        Path::exists(&server),
        "{} is not there: build it with `cargo build --release -p xchat-bench`",
        server.display()
    );
    Ok(server)
}

#[allow(clippy::print_stderr, reason = "a program says why it failed")]
fn complain(error: &anyhow::Error) {
    eprintln!("bench failed: {error:#}");
}
