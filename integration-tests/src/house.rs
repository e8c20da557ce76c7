//! Server processes of one installation: started, killed, started again on the same data.

use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
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
}

const ROLES: [&str; 4] = ["presence", "identity", "fanout", "gateway"];
const READY: Duration = Duration::from_mins(1);

/// An installation. Dropping it kills its processes.
#[derive(Debug)]
pub struct House {
    program: PathBuf,
    shape: Shape,
    settings: Vec<(String, String)>,
    processes: Vec<Child>,
    folder: TempDir,
    address: String,
}

impl House {
    /// Starts the program on an empty data directory, without proof of work and rate limits.
    pub fn start(program: impl Into<PathBuf>, shape: Shape) -> Self {
        Self::with(program, shape, &[])
    }

    /// Further settings as `section__key`, `value`.
    pub fn with(program: impl Into<PathBuf>, shape: Shape, extra: &[(&str, &str)]) -> Self {
        let [public, ports @ ..] = free_ports::<5>();
        let mut settings = vec![
            ("identity__proof_effort".to_owned(), "0".to_owned()),
            ("identity__proof_target_bits".to_owned(), "0".to_owned()),
            ("gateway__message_interval".to_owned(), "0s".to_owned()),
            ("gateway__handshake_interval".to_owned(), "0s".to_owned()),
            ("public__listen".to_owned(), format!("127.0.0.1:{public}")),
        ];
        for (role, port) in ROLES.iter().zip(ports) {
            settings.push((format!("listen__{role}"), format!("127.0.0.1:{port}")));
            // Fanout finds gateways by the addresses in their routes.
            if *role != "gateway" {
                settings.push((format!("peers__{role}"), format!("http://127.0.0.1:{port}")));
            }
        }
        settings.extend(
            extra
                .iter()
                .map(|(key, value)| ((*key).into(), (*value).into())),
        );
        let mut house = Self {
            program: program.into(),
            shape,
            settings,
            processes: Vec::new(),
            folder: tempfile::tempdir().expect("a temporary folder"),
            address: format!("ws://127.0.0.1:{public}"),
        };
        house.start_again();
        house
    }

    /// Where clients connect.
    pub fn server(&self) -> Server {
        self.address.parse().expect("a loopback address")
    }

    /// `host:port` of the public listener.
    pub fn public(&self) -> &str {
        self.address.trim_start_matches("ws://")
    }

    /// Data of the server and its logs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn pids(&self) -> Vec<u32> {
        self.processes.iter().map(Child::id).collect()
    }

    /// Starts all processes and waits until each says that it is ready.
    pub fn start_again(&mut self) {
        let groups: Vec<&[&str]> = match self.shape {
            Shape::OneProcess => vec![&[]],
            Shape::FourProcesses => ROLES.chunks(1).collect(),
        };
        for roles in groups {
            let child = self.spawn(roles);
            self.processes.push(child);
        }
    }

    fn spawn(&self, roles: &[&str]) -> Child {
        let log = self
            .folder
            .path()
            .join(format!("{}.log", roles.first().unwrap_or(&"all")));
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log);
        let mut command = Command::new(&self.program);
        command
            .args(roles)
            .arg("--data-dir")
            .arg(self.folder.path().join("data"))
            .env("XCHAT__LOG__FILTER", "debug,h2=info,hyper=info,tower=info")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.expect("a log file"));
        for (key, value) in &self.settings {
            command.env(format!("XCHAT__{}", key.to_uppercase()), value);
        }
        let mut child = command.spawn().expect("the server's program");
        let stdout = child.stdout.take().expect("a pipe");
        let (said, ready) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if line.starts_with("ready: ") {
                    let _ = said.send(());
                }
            }
        });
        if ready.recv_timeout(READY).is_err() {
            let _ = child.kill();
            panic!("no process of {roles:?} became ready:\n{}", self.logs());
        }
        child
    }

    /// `kill -9` of every process.
    pub fn kill(&mut self) {
        for mut process in self.processes.drain(..) {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// SIGTERM, and waits; fails unless each process ends well.
    pub fn stop(&mut self) {
        // The edge first, as an orchestrator drains it.
        for mut process in self.processes.drain(..).rev() {
            let term = Command::new("kill").arg(process.id().to_string()).status();
            assert!(term.expect("kill").success());
            let status = process.wait().expect("a child");
            assert!(status.success(), "a process ended with {status}");
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

    /// Fails if a process has logged a panic: those of sockets and of the fold are caught.
    pub fn has_not_panicked(&self) {
        let logs = self.logs();
        // As `xchat_runtime::telemetry` writes it, and as the standard library does before that.
        let is_panic = |line: &&str| line.contains("panic place=") || line.contains("panicked at");
        let panics: Vec<&str> = logs.lines().filter(is_panic).collect();
        assert!(panics.is_empty(), "{panics:#?}");
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
