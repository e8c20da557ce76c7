//! A server in this process, and people who type.

use std::{
    io::Write as _,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tokio::runtime::Runtime;
use xchat_server::{Config, Role, Server};

/// A server that can be stopped and started again on the same data and port.
pub(crate) struct House {
    runtime: Runtime,
    server: Option<Server>,
    config: Config,
    address: String,
    data: TempDir,
}

impl House {
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    /// Without proof of work and rate limits, and as `change` wants it.
    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let mut config = Config {
            data_dir: Some(data.path().to_owned()),
            ..Config::default()
        };
        config.public.listen = "127.0.0.1:0".parse().expect("an address");
        config.identity.proof_effort = 0;
        config.identity.proof_target_bits = 0;
        config.gateway.message_burst = 100_000;
        config.gateway.handshake_burst = 100_000;
        // Well below the pause for which a client stays to hear more.
        config.fanout.mark_interval.0 = Duration::from_millis(20);
        change(&mut config);
        let mut house = Self {
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .expect("a runtime"),
            server: None,
            config,
            address: String::new(),
            data,
        };
        house.start_again();
        house
    }

    pub(crate) fn start_again(&mut self) {
        let start = Server::start(self.config.clone(), &Role::ALL);
        let server = self.runtime.block_on(start).expect("a server");
        let address = server.public_address().expect("a gateway");
        self.config.public.listen = address;
        self.address = format!("ws://{address}");
        self.server = Some(server);
    }

    pub(crate) fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server.stop()).expect("a clean stop");
        }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Where the server keeps its data.
    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// A home without profiles whose owner knows this server's address.
    pub(crate) fn home(&self) -> Home {
        Home::new(&self.address)
    }

    /// A home in which these people are registered, each with a profile.
    pub(crate) fn home_of(&self, names: &[&str]) -> Home {
        let home = self.home();
        for name in names {
            home.fine(&["register", name]);
        }
        home
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server.kill());
        }
    }
}

/// A folder of profiles.
pub(crate) struct Home {
    folder: TempDir,
    /// What `XCHAT_SERVER` says.
    pub(crate) server: String,
}

/// One run of the program.
#[derive(Debug)]
pub(crate) struct Run {
    /// What was typed.
    pub(crate) line: String,
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Home {
    pub(crate) fn new(server: &str) -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            server: server.to_owned(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The program with its environment, and nothing else of this machine's.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xchat"));
        self.prepare(command.args(arguments));
        command
    }

    pub(crate) fn prepare(&self, command: &mut Command) {
        command
            .env_clear()
            .env("XCHAT_HOME", self.path())
            .env("XCHAT_SERVER", &self.server)
            .env("TZ", "UTC")
            .env("TERM", "xterm")
            .stdin(Stdio::null());
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        Run::of(arguments, self.command(arguments))
    }

    /// Runs something that has to end well.
    pub(crate) fn fine(&self, arguments: &[&str]) -> Run {
        let run = self.run(arguments);
        assert_eq!(run.code, 0, "{run:#?}");
        run
    }

    /// A chat on pipes.
    pub(crate) fn chat(&self, profile: &str, peer: &str) -> Chat {
        let mut command = self.command(&["--profile", profile, "chat", peer]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Chat(command.spawn().expect("the program"))
    }
}

impl Run {
    pub(crate) fn of(arguments: &[&str], mut command: Command) -> Self {
        Self::ended(arguments, &command.output().expect("the program"))
    }

    fn ended(arguments: &[&str], output: &Output) -> Self {
        let quoted = arguments.iter().map(|word| match *word {
            word if word.len() > 200 => format!("'{}…'", word.chars().take(8).collect::<String>()),
            word if word.is_empty() || word.contains(' ') => format!("'{word}'"),
            word => word.to_owned(),
        });
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        Self {
            line: quoted.fold("xchat".to_owned(), |line, word| format!("{line} {word}")),
            code: output.status.code().expect("an exit, not a signal"),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }
}

/// A running chat.
pub(crate) struct Chat(Child);

impl Chat {
    pub(crate) fn type_line(&mut self, text: &str) {
        let input = self.0.stdin.as_mut().expect("an open input");
        writeln!(input, "{text}").expect("a chat that reads");
    }

    /// Reads until a line holds the text; the reading ends with the process.
    pub(crate) fn wait_for(&mut self, text: &str) {
        use std::io::Read as _;
        let output = self.0.stdout.as_mut().expect("a pipe");
        let mut line = Vec::new();
        let mut byte = [0];
        while output.read(&mut byte).expect("a pipe") == 1 {
            if byte != *b"\n" {
                line.extend(byte);
                continue;
            }
            if String::from_utf8_lossy(&line).contains(text) {
                return;
            }
            line.clear();
        }
        let mut said = String::new();
        let _ = self
            .0
            .stderr
            .take()
            .map(|mut err| err.read_to_string(&mut said));
        panic!("the chat ended without {text:?}: {said}");
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Ends the input and waits; the exit code.
    pub(crate) fn end(mut self) -> i32 {
        drop(self.0.stdin.take());
        self.0.wait().expect("a child").code().expect("an exit")
    }

    pub(crate) fn kill(mut self) {
        self.0.kill().expect("a child");
        self.0.wait().expect("a child");
    }
}
