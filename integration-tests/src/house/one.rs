//! What befalls one process of a house alone.

use std::process::Command;

use super::{House, Process};

impl Process {
    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub(super) fn signal(&self, signal: &str) {
        let child = self.child.as_ref().expect("it runs");
        let told = Command::new("kill")
            .args([format!("-{signal}"), child.id().to_string()])
            .status();
        assert!(told.expect("kill").success(), "SIG{signal}");
    }
}

impl House {
    pub(super) fn index(&self, name: &str) -> usize {
        let mut names = self.processes.iter();
        let index = names.position(|process| process.name == name);
        index.unwrap_or_else(|| panic!("no process is called {name}"))
    }

    /// `kill -9`.
    pub fn kill_one(&mut self, name: &str) {
        let index = self.index(name);
        self.processes[index].kill();
    }

    /// Starts one that was killed; returns when it says that it is ready.
    pub fn start_one(&mut self, name: &str) {
        let index = self.index(name);
        self.launch(&[index]);
    }

    /// SIGSTOP: it holds its sockets and answers nobody.
    pub fn pause(&self, name: &str) {
        self.processes[self.index(name)].signal("STOP");
    }

    /// SIGCONT: it goes on where it stood, and knows nothing of the time between.
    pub fn resume(&self, name: &str) {
        self.processes[self.index(name)].signal("CONT");
    }

    /// What one process has written to its log.
    pub fn log_of(&self, name: &str) -> String {
        let path = self.folder().join(format!("{name}.log"));
        std::fs::read_to_string(path).expect("a log")
    }
}
