//! What differs between runs, replaced by what it is.

use super::house::{Home, House};

/// Masks ids, times, paths, ports, process ids and words of phrases.
pub(crate) fn mask(text: &str, home: &Home, houses: &[&House]) -> String {
    let mut text = text.replace(&home.path().display().to_string(), "HOME");
    for (house, name) in houses.iter().zip(["SERVER", "OTHER"]) {
        text = text.replace(house.address(), &format!("ws://{name}"));
    }
    text = text.replace(&home.server, "ws://SERVER");
    text = phrase(&text);
    for (before, after) in [(" ms", "N"), (" rows", "N")] {
        text = number_before(&text, before, after);
    }
    for (before, after) in [
        ("by process ", "PID"),
        ("file_len=", "N"),
        ("layout_len=", "N"),
    ] {
        text = number_after(&text, before, after);
    }
    words(&text)
}

/// Runs of letters and digits, each judged by its looks; times and dates after them.
fn words(text: &str) -> String {
    let mut masked = String::new();
    let mut word = String::new();
    for c in text.chars().chain(std::iter::once('\0')) {
        if c.is_ascii_alphanumeric() {
            word.push(c);
            continue;
        }
        masked.push_str(name_of(&word).unwrap_or(&word));
        word.clear();
        if c != '\0' {
            masked.push(c);
        }
    }
    shapes(&masked)
}

fn name_of(word: &str) -> Option<&'static str> {
    let digits = word.bytes().all(|b| b.is_ascii_digit());
    let hex = word.bytes().all(|b| b.is_ascii_hexdigit());
    match word.len() {
        14.. if word.starts_with("xchat1") => Some("xchat1ID"),
        60 if digits => Some("NUMBER"),
        13 if digits => Some("TIME"),
        5 if digits => Some("NNNNN"),
        32 | 64 if hex => Some("HEX"),
        _ => None,
    }
}

/// `2026-11-25` and `08:15`.
fn shapes(text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.split('\n') {
        let words = line.split(' ').map(|word| {
            let shape: String = word
                .chars()
                .map(|c| if c.is_ascii_digit() { '0' } else { c })
                .collect();
            match shape.as_str() {
                "0000-00-00" => "YYYY-MM-DD",
                "00:00" => "HH:MM",
                _ => word,
            }
        });
        lines.push(words.collect::<Vec<_>>().join(" "));
    }
    lines.join("\n")
}

/// The words of a phrase, numbered or in an object.
fn phrase(text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.split('\n') {
        if let Some((head, tail)) = line.split_once("\"phrase\":\"") {
            let (_, rest) = tail.split_once('"').expect("the end of a string");
            lines.push(format!("{head}\"phrase\":\"WORDS\"{rest}"));
            continue;
        }
        let cells: Vec<&str> = line.split_whitespace().collect();
        let numbered = |cell: &&str| {
            cell.strip_suffix('.')
                .is_some_and(|n| n.parse::<u8>().is_ok())
        };
        let is_row = cells.len() == 8 && cells.iter().step_by(2).all(numbered);
        if is_row {
            let numbers: Vec<_> = cells
                .iter()
                .step_by(2)
                .map(|n| format!("{n} WORD"))
                .collect();
            lines.push(format!("  {}", numbers.join("  ")));
        } else {
            lines.push(line.to_owned());
        }
    }
    lines.join("\n")
}

fn number_before(text: &str, unit: &str, name: &str) -> String {
    let mut masked = String::new();
    let mut rest = text;
    while let Some((head, tail)) = rest.split_once(unit) {
        masked.push_str(head.trim_end_matches(|c: char| c.is_ascii_digit()));
        if head.ends_with(|c: char| c.is_ascii_digit()) {
            masked.push_str(name);
        }
        masked.push_str(unit);
        rest = tail;
    }
    masked + rest
}

fn number_after(text: &str, before: &str, name: &str) -> String {
    let mut parts = text.split(before);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |masked, part| {
        let part = part.trim_start_matches(|c: char| c.is_ascii_digit());
        format!("{masked}{before}{name}{part}")
    })
}
