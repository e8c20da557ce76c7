//! The server under load: one process with all roles, on embedded stores as a household runs it unless
//! its settings say otherwise.

use std::{
    io::{BufRead as _, BufReader},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::process::Process;

/// Proof of work and rate limits are not what is measured; everything else is as installed.
const SETTINGS: [(&str, &str); 7] = [
    ("IDENTITY__PROOF_EFFORT", "0"),
    ("IDENTITY__PROOF_TARGET_BITS", "0"),
    ("GATEWAY__MESSAGE_INTERVAL", "0s"),
    ("GATEWAY__HANDSHAKE_INTERVAL", "0s"),
    ("GATEWAY__SOCKETS_BEFORE_LOGIN", "20000"),
    ("LOG__FILTER", "error"),
    ("GATEWAY__IDLE", "10m"),
];

#[derive(Debug)]
pub(crate) struct House {
    program: PathBuf,
    folder: TempDir,
    settings: Vec<(&'static str, String)>,
    process: Process,
    address: SocketAddr,
}

impl House {
    /// Starts the program on an empty data directory below `parent`.
    pub(crate) fn start(program: &Path, parent: Option<&Path>) -> Result<Self> {
        Self::with(program, parent, Vec::new())
    }

    /// The same, with further settings as `SECTION__KEY`, value.
    pub(crate) fn with(
        program: &Path,
        parent: Option<&Path>,
        settings: Vec<(&'static str, String)>,
    ) -> Result<Self> {
        Self::within(program, folder(parent)?, settings)
    }

    /// The same on engines, its tables and keys made.
    pub(crate) fn on_engines(
        program: &Path,
        parent: Option<&Path>,
        settings: Vec<(&'static str, String)>,
    ) -> Result<Self> {
        let folder = folder(parent)?;
        for arguments in [["schema", "migrate"], ["key", "create"]] {
            let mut command = command(program, folder.path(), &settings);
            let done = command.args(arguments).stdout(Stdio::null()).status()?;
            anyhow::ensure!(done.success(), "{arguments:?} ended with {done}");
        }
        Self::within(program, folder, settings)
    }

    fn within(
        program: &Path,
        folder: TempDir,
        settings: Vec<(&'static str, String)>,
    ) -> Result<Self> {
        let (process, address) = spawn(program, folder.path(), &settings)?;
        Ok(Self {
            program: program.to_owned(),
            folder,
            settings,
            process,
            address,
        })
    }

    /// Ends the process and starts another on the same data.
    pub(crate) fn restart(&mut self) -> Result<()> {
        let pid = self.process.0.id().to_string();
        Command::new("kill").arg(pid).status()?;
        self.process.0.wait()?;
        (self.process, self.address) = spawn(&self.program, self.folder.path(), &self.settings)?;
        Ok(())
    }

    pub(crate) const fn process(&self) -> &Process {
        &self.process
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its stores are.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

fn folder(parent: Option<&Path>) -> Result<TempDir> {
    Ok(match parent {
        Some(parent) => tempfile::tempdir_in(parent)?,
        None => tempfile::tempdir()?,
    })
}

fn command(program: &Path, folder: &Path, settings: &[(&str, String)]) -> Command {
    let mut command = Command::new(program);
    command.arg("--data-dir").arg(folder.join("data"));
    for (key, value) in SETTINGS {
        command.env(format!("XCHAT__{key}"), value);
    }
    for (key, value) in settings {
        command.env(format!("XCHAT__{key}"), value);
    }
    command
}

fn spawn(
    program: &Path,
    folder: &Path,
    settings: &[(&str, String)],
) -> Result<(Process, SocketAddr)> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let mut command = command(program, folder, settings);
    command.env("XCHAT__PUBLIC__LISTEN", port.to_string());
    let mut process = Process::start(&mut command)?;
    let stdout = process.0.stdout.take().context("no pipe")?;
    let ready = BufReader::new(stdout)
        .lines()
        .map_while(Result::ok)
        .any(|line| line.starts_with("ready: "));
    anyhow::ensure!(ready, "the server ended before it was ready");
    Ok((process, port))
}
