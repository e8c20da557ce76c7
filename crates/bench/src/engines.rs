//! The engines of a fleet: where they are, what they cost, and what a run makes on them.

use std::{
    net::{TcpStream, ToSocketAddrs as _},
    path::Path,
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result};
use clap::Args;

use crate::{
    bare::{self, Bare, BareSeat},
    house::House,
    load::Seats,
    process,
    report::say,
};

/// As a fleet's.
const PARTITIONS: &str = "64";
const PATIENCE: Duration = Duration::from_secs(3);

/// Where they are; `infra/stack/stack.sh env` prints it.
#[derive(Clone, Debug, Args)]
pub(crate) struct Addresses {
    /// Brokers of Kafka.
    #[arg(long, env = "XCHAT_TEST_KAFKA")]
    kafka: Option<String>,
    /// Nodes of ScyllaDB or Cassandra.
    #[arg(long, env = "XCHAT_TEST_SCYLLA")]
    scylla: Option<String>,
    /// Redis, as a URL.
    #[arg(long, env = "XCHAT_TEST_REDIS")]
    redis: Option<String>,
}

/// Engines that answer, with a topic, a group and a keyspace of this run alone.
#[derive(Debug)]
pub(crate) struct Engines {
    kafka: String,
    scylla: String,
    redis: String,
    /// Of topic, group, keyspace and keys.
    name: String,
    /// Process ids, where they run on this machine.
    processes: Vec<u32>,
}

impl Engines {
    /// An error says which of them is not there, and why.
    pub(crate) fn reach(addresses: &Addresses) -> Result<Self> {
        let told = |address: &Option<String>, name: &str| {
            let address = address.clone().filter(|address| !address.is_empty());
            address.with_context(|| format!("nobody says where {name} is: make bench-engines"))
        };
        let (kafka, scylla, redis) = (
            told(&addresses.kafka, "Kafka")?,
            told(&addresses.scylla, "Cassandra")?,
            told(&addresses.redis, "Redis")?,
        );
        let mut processes = Vec::new();
        for list in [&kafka, &scylla, &redis] {
            for one in list.split(',') {
                let port = connect(one).with_context(|| format!("{one} does not answer"))?;
                processes.extend(process::listening(port)?);
            }
        }
        processes.sort_unstable();
        processes.dedup();
        Ok(Self {
            kafka,
            scylla,
            redis,
            name: format!("xchat_bench_{}", std::process::id()),
            processes,
        })
    }

    /// User and system time of all of them so far; zero of those on other machines.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        self.processes.iter().map(|pid| process::cpu(*pid)).sum()
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        [
            ("BACKENDS__EVENT_LOG__KIND", "kafka"),
            ("BACKENDS__EVENT_LOG__PARTITIONS", PARTITIONS),
            ("BACKENDS__MESSAGE_STORE__KIND", "scylla"),
            ("BACKENDS__DIRECTORY_STORE__KIND", "scylla"),
            ("BACKENDS__ROUTING__KIND", "redis"),
            ("BACKENDS__KAFKA__BROKERS", &self.kafka),
            ("BACKENDS__KAFKA__TOPIC", &self.name),
            ("BACKENDS__KAFKA__GROUP", &self.name),
            ("BACKENDS__KAFKA__REPLICATION", "1"),
            ("BACKENDS__KAFKA__MIN_IN_SYNC", "1"),
            ("BACKENDS__SCYLLA__NODES", &self.scylla),
            ("BACKENDS__SCYLLA__KEYSPACE", &self.name),
            ("BACKENDS__SCYLLA__REPLICAS", "1"),
            ("BACKENDS__REDIS__URLS", &self.redis),
            ("BACKENDS__REDIS__PREFIX", &self.name),
        ]
        .map(|(key, value)| (key, value.to_owned()))
        .to_vec()
    }

    /// A server on them, its tables made.
    pub(crate) fn house(&self, program: &Path, parent: Option<&Path>) -> Result<House> {
        House::on_engines(program, parent, self.settings())
    }

    /// The bare program of Kafka.
    pub(crate) fn bare_kafka(&self, size: (usize, usize)) -> Result<(Bare, Vec<Seats<BareSeat>>)> {
        let mut command = Command::new(bare::program("bare_kafka")?);
        command.args(["serve", &self.kafka, &self.bare_topic(), PARTITIONS]);
        Bare::start(&mut command, size).context("bare_kafka")
    }

    /// The bare program of CQL; it writes into the server's table.
    pub(crate) fn bare_cql(&self, size: (usize, usize)) -> Result<(Bare, Vec<Seats<BareSeat>>)> {
        let mut command = Command::new(bare::program("bare_cql")?);
        command.args(["serve", &self.scylla, &self.name]);
        Bare::start(&mut command, size).context("bare_cql")
    }

    fn bare_topic(&self) -> String {
        format!("{}_bare", self.name)
    }

    /// Deletes what this run has made; when nothing uses it any more.
    pub(crate) fn tidy(&self) {
        let bare_topic = self.bare_topic();
        let kafka = vec!["delete", &self.kafka, &self.name, &self.name, &bare_topic];
        let scylla = vec!["drop", &self.scylla, &self.name];
        for (program, arguments) in [("bare_kafka", kafka), ("bare_cql", scylla)] {
            let tidied = bare::program(program)
                .and_then(|program| Ok(Command::new(program).args(arguments).status()?));
            if !tidied.is_ok_and(|status| status.success()) {
                say(&format!("{program} did not tidy up {}", self.name));
            }
        }
    }
}

/// The port that answers at an address or URL.
fn connect(address: &str) -> Result<u16> {
    let (_, host) = address.split_once("://").unwrap_or(("", address));
    let mut found = host.to_socket_addrs()?;
    let found = found.next().context("no such host")?;
    TcpStream::connect_timeout(&found, PATIENCE)?;
    Ok(found.port())
}
