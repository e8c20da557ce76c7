//! Server processes of one installation: started, killed, started again on the same data.

mod fleet;
mod one;

use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use tempfile::TempDir;
use xchat_sdk::Server;

/// How the roles are spread over processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// All in one, as a household runs it.
    OneProcess,
    /// Identity, presence, fanout and gateway each in their own, over TCP.
    FourProcesses,
    /// Two gateways, two fanouts, identity and presence on Kafka, Cassandra and Redis, with mTLS
    /// between them.
    Fleet,
}

/// One of the processes: its roles, and what is set for it alone.
#[derive(Debug)]
struct Process {
    name: String,
    roles: Vec<&'static str>,
    settings: Vec<(String, String)>,
    /// While it runs.
    child: Option<Child>,
}

impl Process {
    fn new(name: &str, roles: &[&'static str]) -> Self {
        Self {
            name: name.to_owned(),
            roles: roles.to_vec(),
            settings: Vec::new(),
            child: None,
        }
    }

    /// It has a public listener.
    fn is_edge(&self) -> bool {
        self.roles.is_empty() || self.roles.contains(&"gateway")
    }

    fn set(&mut self, key: &str, value: impl Into<String>) {
        self.settings.push((key.to_owned(), value.into()));
    }
}

const ROLES: [&str; 4] = ["presence", "identity", "fanout", "gateway"];
const READY: Duration = Duration::from_mins(1);

/// An installation. Dropping it kills its processes.
#[derive(Debug)]
pub struct House {
    program: PathBuf,
    settings: Vec<(String, String)>,
    processes: Vec<Process>,
    folder: TempDir,
    /// `host:port` of each public listener.
    public: Vec<String>,
    asked: AtomicUsize,
}

impl House {
    /// Starts the program on an empty data directory, without proof of work and rate limits.
    pub fn start(program: impl Into<PathBuf>, shape: Shape) -> Self {
        Self::with(program, shape, &[])
    }

    /// Further settings as `section__key`, `value`.
    pub fn with(program: impl Into<PathBuf>, shape: Shape, extra: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let mut settings: Vec<_> = [
            ("identity__proof_effort", "0"),
            ("identity__proof_target_bits", "0"),
            ("gateway__message_interval", "0s"),
            ("gateway__handshake_interval", "0s"),
        ]
        .iter()
        .map(own)
        .collect();
        let mut processes = match shape {
            Shape::OneProcess => vec![Process::new("all", &[])],
            Shape::FourProcesses => four_processes(&mut settings),
            Shape::Fleet => fleet::plan(folder.path(), &mut settings),
        };
        settings.extend(extra.iter().map(own));
        let public = listen(&mut processes);
        let mut house = Self {
            program: program.into(),
            settings,
            processes,
            folder,
            public,
            asked: AtomicUsize::new(0),
        };
        if shape == Shape::Fleet {
            house.once("presence", &["schema", "migrate"]);
            house.once("presence", &["key", "create"]);
        }
        house.start_again();
        house
    }

    /// Where clients connect: with several gateways, to another each time.
    pub fn server(&self) -> Server {
        let turn = self.asked.fetch_add(1, Ordering::Relaxed);
        let public = self.public.iter().cycle().nth(turn % self.public.len());
        let address = format!("ws://{}", public.expect("a gateway"));
        address.parse().expect("a loopback address")
    }

    /// `host:port` of the first public listener.
    pub fn public(&self) -> &str {
        self.public.first().expect("a gateway")
    }

    /// `host:port` of each public listener.
    pub fn gateways(&self) -> &[String] {
        &self.public
    }

    /// Data of the server and its logs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn pids(&self) -> Vec<u32> {
        let running = self.processes.iter();
        running
            .filter_map(|process| process.child.as_ref().map(Child::id))
            .collect()
    }

    /// Starts all processes and waits until each says that it is ready.
    pub fn start_again(&mut self) {
        let is_edge = |index: &usize| self.processes[*index].is_edge();
        let (edge, inner): (Vec<_>, Vec<_>) = (0..self.processes.len()).partition(is_edge);
        // Gateways last, so that who comes at once is not told that identity is away.
        self.launch(&inner);
        self.launch(&edge);
    }

    fn launch(&mut self, which: &[usize]) {
        let mut started = Vec::new();
        for index in which {
            let (child, ready) = self.spawn(&self.processes[*index]);
            self.processes[*index].child = Some(child);
            started.push((*index, ready));
        }
        for (index, ready) in started {
            let said = ready.recv_timeout(READY);
            let name = &self.processes[index].name;
            assert!(
                said.is_ok(),
                "{name} did not become ready:\n{}",
                self.logs()
            );
        }
    }

    fn spawn(&self, process: &Process) -> (Child, mpsc::Receiver<()>) {
        let mut child = self
            .command(process)
            .args(&process.roles)
            .spawn()
            .expect("the server's program");
        let stdout = child.stdout.take().expect("a pipe");
        let (said, ready) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if line.starts_with("ready: ") {
                    let _ = said.send(());
                }
            }
        });
        (child, ready)
    }

    /// The program with its settings, and its log in the folder.
    fn command(&self, process: &Process) -> Command {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.path().join(format!("{}.log", process.name)));
        let mut command = Command::new(&self.program);
        command
            .env("XCHAT__DATA_DIR", self.folder.path().join("data"))
            .env("XCHAT__LOG__FILTER", "debug,h2=info,hyper=info,tower=info")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.expect("a log file"));
        for (key, value) in self.settings.iter().chain(&process.settings) {
            command.env(format!("XCHAT__{}", key.to_uppercase()), value);
        }
        command
    }

    /// A command of the program that comes before processes start, with the settings of one.
    pub fn once(&self, name: &str, command: &[&str]) {
        let process = &self.processes[self.index(name)];
        let status = self.command(process).args(command).status();
        assert!(status.expect("the program").success(), "{}", self.logs());
    }

    /// A setting that all processes share.
    pub fn setting(&self, key: &str) -> &str {
        let mut settings = self.settings.iter().rev();
        let found = settings.find(|(known, _)| known == key);
        &found.unwrap_or_else(|| panic!("{key} is not set")).1
    }

    /// Sets something for one process, from its next start on.
    pub fn change(&mut self, name: &str, key: &str, value: &str) {
        let index = self.index(name);
        self.processes[index].set(key, value);
    }

    /// `kill -9` of every process.
    pub fn kill(&mut self) {
        for process in &mut self.processes {
            process.kill();
        }
    }

    /// SIGTERM, and waits; fails unless each process ends well.
    pub fn stop(&mut self) {
        // The edge first, as an orchestrator drains it.
        for process in self.processes.iter_mut().rev() {
            process.signal("TERM");
            let mut child = process.child.take().expect("it runs");
            let status = child.wait().expect("a child");
            assert!(status.success(), "{} ended with {status}", process.name);
        }
    }

    /// What the processes have written to their logs.
    pub fn logs(&self) -> String {
        let entries = std::fs::read_dir(self.folder.path()).expect("the house's folder");
        let logs = entries.filter_map(Result::ok).map(|entry| entry.path());
        logs.filter(|path| path.extension().is_some_and(|ext| ext == "log"))
            .filter_map(|path| std::fs::read_to_string(path).ok())
            .collect()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let logs = self.logs();
            let lines: Vec<&str> = logs.lines().collect();
            let last = lines.iter().skip(lines.len().saturating_sub(40));
            let last: Vec<&str> = last.copied().collect();
            eprintln!("the servers' last words:\n{}", last.join("\n"));
        }
    }
}

fn four_processes(settings: &mut Vec<(String, String)>) -> Vec<Process> {
    let mut plan = Vec::new();
    for (role, port) in ROLES.into_iter().zip(free_ports::<4>()) {
        settings.push((format!("listen__{role}"), format!("127.0.0.1:{port}")));
        // Fanout finds gateways by the addresses in their routes.
        if role != "gateway" {
            settings.push((format!("peers__{role}"), format!("http://127.0.0.1:{port}")));
        }
        plan.push(Process::new(role, &[role]));
    }
    plan
}

/// Gives each gateway its public port; returns where they are.
fn listen(plan: &mut [Process]) -> Vec<String> {
    let gateways = plan.iter_mut().filter(|process| process.is_edge());
    gateways
        .zip(free_ports::<2>())
        .map(|(gateway, port)| {
            let public = format!("127.0.0.1:{port}");
            gateway.set("public__listen", public.clone());
            public
        })
        .collect()
}

/// Ports that were free a moment ago; each listener is held until all are chosen.
fn free_ports<const N: usize>() -> [u16; N] {
    let listeners: Vec<TcpListener> = (0..N)
        .map(|_| TcpListener::bind("127.0.0.1:0").expect("a port"))
        .collect();
    std::array::from_fn(|index| {
        listeners
            .get(index)
            .and_then(|l| l.local_addr().ok())
            .expect("bound")
            .port()
    })
}
