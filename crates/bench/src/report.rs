//! The table that is printed, and the same as JSON with what it was measured on.

use std::{fs, path::Path, process::Command};

use anyhow::Result;
use serde_json::{Map, Value, json};

use crate::person::now;

/// A line of the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) id: &'static str,
    pub(crate) what: String,
    pub(crate) ours: String,
    pub(crate) floor: String,
    pub(crate) ratio: String,
}

/// What has been measured so far.
#[derive(Debug)]
pub(crate) struct Report {
    rows: Vec<Row>,
    results: Map<String, Value>,
    machine: Value,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self {
            rows: Vec::new(),
            results: Map::new(),
            machine: machine(),
        }
    }

    pub(crate) fn row(&mut self, row: Row) {
        say(&format!(
            "{} {}: {} | floor {} | {}",
            row.id, row.what, row.ours, row.floor, row.ratio
        ));
        self.rows.push(row);
    }

    /// What ten times the size does to a figure: at the small size, at the large.
    pub(crate) fn growth(&mut self, id: &'static str, what: &str, (small, large): (f64, f64)) {
        self.result(&format!("growth: {id} {what}"), json!(large / small));
        self.row(Row {
            id,
            what: format!("growth: {what}"),
            ours: format!("{small:.2} → {large:.2}"),
            floor: String::new(),
            ratio: format!("{:.2}", large / small),
        });
    }

    pub(crate) fn result(&mut self, name: &str, value: Value) {
        self.results.insert(name.to_owned(), value);
    }

    /// Prints the table and writes the JSON.
    pub(crate) fn finish(self, path: &Path) -> Result<()> {
        let mut lines = vec![
            String::new(),
            "| id | what | server | floor or peer | ratio |".to_owned(),
            "|---|---|---|---|---|".to_owned(),
        ];
        lines.extend(self.rows.iter().map(|row| {
            let Row {
                id,
                what,
                ours,
                floor,
                ratio,
            } = row;
            format!("| {id} | {what} | {ours} | {floor} | {ratio} |")
        }));
        lines.push(format!("\nmeasured on: {}", self.machine));
        say(&lines.join("\n"));
        let all = json!({ "machine": self.machine, "results": self.results });
        fs::write(path, serde_json::to_vec_pretty(&all)?)?;
        say(&format!("written to {}", path.display()));
        Ok(())
    }
}

fn machine() -> Value {
    let line = |path: &str| {
        fs::read_to_string(path)
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let cpu = line("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let git = Command::new("git")
        .args(["rev-parse", "--short", "HEAD"])
        .output();
    let commit = git.map_or_else(
        |_| String::new(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    );
    json!({
        "commit": commit,
        "kernel": line("/proc/sys/kernel/osrelease"),
        "processor": model.map(|model| model.trim_start_matches([' ', '\t', ':'])),
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "load_average_at_start": line("/proc/loadavg"),
        "started_at_ms": now().0,
    })
}

#[allow(clippy::print_stdout, reason = "it is what the program is for")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}
