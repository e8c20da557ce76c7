//! `xchat-server metrics`: every metric of this program, from the declarations that make them.

use std::fmt::Write as _;

use xchat_runtime::meter::{Declaration, Meter};

const INTRODUCTION: &str = "\
# Metrics

Written by `xchat-server metrics`. Where `telemetry.endpoint` names a collector they are sent to it
over OTLP; `docs/config.example.toml` has the settings. No label is an id of an account, a device or
a conversation: each is one of the values listed below.
";

/// A list of values up to this long stands in the table; a longer one below it.
const SHORT: usize = 8;

/// Every crate that measures something.
fn declared() -> Vec<Declaration> {
    let mut meter = Meter::default();
    xchat_runtime::metrics::Metrics::new(&mut meter);
    xchat_backends::metrics::Metrics::new(&mut meter);
    xchat_fanout::metrics::Metrics::new(&mut meter);
    xchat_gateway::metrics::Metrics::new(&mut meter);
    xchat_identity::metrics::Metrics::new(&mut meter);
    xchat_presence::metrics::Metrics::new(&mut meter);
    let mut declared = meter.into_declared();
    declared.sort_by_key(|one| one.name);
    declared
}

/// The page `docs/metrics.md`.
pub(super) fn page() -> String {
    let declared = declared();
    let mut page = INTRODUCTION.to_owned();
    page.push_str("\n| metric | kind | labels | what it tells |\n|---|---|---|---|\n");
    for Declaration {
        name,
        kind,
        help,
        labels,
    } in &declared
    {
        let labels: Vec<String> = labels.iter().map(label).collect();
        let labels = labels.join("; ");
        let _ = writeln!(page, "| `{name}` | {kind} | {labels} | {help} |");
    }
    let long = declared.iter().flat_map(|one| &one.labels);
    let mut long: Vec<_> = long.filter(|(_, values)| values.len() > SHORT).collect();
    long.sort_unstable();
    long.dedup();
    for (name, values) in long {
        let _ = writeln!(page, "\n`{name}` is one of: {}.", listed(values));
    }
    page
}

fn label((name, values): &(&str, Vec<&str>)) -> String {
    if values.len() > SHORT {
        return format!("`{name}`");
    }
    format!("`{name}`: {}", listed(values))
}

fn listed(values: &[&str]) -> String {
    values.join(", ")
}
