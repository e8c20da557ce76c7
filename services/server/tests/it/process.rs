//! The binary with a clean environment.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

/// The binary, without the settings of whoever runs the tests.
pub(crate) fn server(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xchat-server"));
    command.env_clear().args(arguments).stdin(Stdio::null());
    command
}

/// Runs to the end; one that does not come to it is killed.
#[track_caller]
pub(crate) fn run(mut command: Command) -> Output {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let pid = Pid::from_child(&child);
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    if let Ok(output) = receiver.recv_timeout(Duration::from_mins(1)) {
        return output.unwrap();
    }
    kill_process(pid, Signal::KILL).unwrap();
    panic!("{command:?} did not end: {:?}", receiver.recv());
}

/// A process that said that it is ready; killed when dropped.
pub(crate) struct Ready {
    child: Child,
    stdout: BufReader<ChildStdout>,
    pub(crate) line: String,
}

impl Ready {
    /// Starts on a free port and waits for the line.
    pub(crate) fn start(data_dir: &Path, arguments: &[&str]) -> Self {
        let mut command = server(arguments);
        command.arg("--data-dir").arg(data_dir);
        command.args(["--listen", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert!(line.starts_with("ready:"), "{line:?}");
        Self {
            child,
            stdout,
            line,
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
    }

    /// Waits for the end; returns the exit code and what else it wrote to standard output.
    pub(crate) fn wait(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().unwrap();
        let mut rest = String::new();
        while self.stdout.read_line(&mut rest).unwrap() > 0 {}
        (status.code(), rest)
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
