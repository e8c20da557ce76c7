//! Layers, and all mistakes at once.

use std::time::Duration;

use proptest::prelude::*;
use secrecy::ExposeSecret;
use xchat_runtime::config::{Layers, Mistakes, load};

use crate::settings::{Roof, Town, environment, file, flag};

fn mistakes(layers: Layers) -> Mistakes {
    load::<Town>(layers).unwrap_err()
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default() {
    let text = "name = 'f'\n[house]\nrooms = 4\ndoor = '1m'\nroof = 'flat'";
    let layers = environment(file(text), "XCHAT__HOUSE__ROOMS", "5");
    let layers = environment(layers, "XCHAT__HOUSE__DOOR", "2m");
    let layers = environment(layers, "OTHER__HOUSE__DOOR", "9m");
    let layers = flag(layers, "house.rooms", "6");
    let town = load::<Town>(layers).unwrap().config;
    assert_eq!(town.house.rooms, 6);
    assert_eq!(Duration::from(town.house.door), Duration::from_mins(2));
    assert_eq!(town.house.roof, Roof::Flat);
    assert_eq!(town.house.cellar.bytes(), 2 << 20);
    assert_eq!(town.name, "f");
}

#[test]
fn text_from_the_environment_becomes_what_the_key_is() {
    let layers = environment(
        Layers::default(),
        "XCHAT__HOUSE__COLOURS",
        "['red', 'blue']",
    );
    let layers = environment(layers, "XCHAT__HOUSE__CELLAR", "4096");
    let layers = environment(layers, "XCHAT__NAME", "42");
    let layers = environment(layers, "XCHAT__HOUSE__PASSWORD", "1234");
    let town = load::<Town>(layers).unwrap().config;
    assert_eq!(town.house.colours, ["red", "blue"]);
    assert_eq!(town.house.cellar.bytes(), 4_096);
    assert_eq!(town.name, "42");
    assert_eq!(town.house.password.unwrap().0.expose_secret(), "1234");
}

#[test]
fn five_mistakes_are_five_sentences() {
    let text = "[house]\nroms = 4\ndoor = 'soon'\ncellar = '5 parsecs'\nroof = 'green'\n";
    let layers = environment(file(text), "XCHAT__HOUSE__ROOMS", "70000");
    let expected = "\
5 mistakes in the configuration:
  1. house.cellar = \"5 parsecs\": is not a size
     from: town.toml, line 4
     allowed: a size like \"512 B\", \"64 KiB\", \"1 MiB\" or \"2 GiB\", or a number of bytes
  2. house.door = \"soon\": is not a duration: expected number at 0
     from: town.toml, line 3
     allowed: a duration like \"500ms\", \"5s\", \"10m\" or \"1h 30m\"
  3. house.roms: there is no such setting
     from: town.toml, line 2
     allowed: did you mean house.rooms?
  4. house.roof = \"green\": unknown variant `green`, expected `flat` or `steep`
     from: town.toml, line 5
     allowed: one of \"flat\", \"steep\"
  5. house.rooms = \"70000\": invalid value: integer `70000`, expected u16
     from: environment variable XCHAT__HOUSE__ROOMS
     allowed: a whole number from 0 to 65535";
    assert_eq!(mistakes(layers).to_string(), expected);
}

#[test]
fn a_check_of_a_section_is_reported_with_value_and_origin() {
    let found = mistakes(flag(file(""), "house.rooms", "0"));
    let expected = "\
1 mistake in the configuration:
  1. house.rooms = 0: a house has a room
     from: flag --flag
     allowed: a whole number from 0 to 65535";
    assert_eq!(found.to_string(), expected);
}

#[test]
fn a_value_for_a_section_and_a_section_for_a_value_are_mistakes() {
    let found = mistakes(file("house = 3\n[name]\nx = 1"));
    let whats: Vec<&str> = found.as_slice().iter().map(|m| m.what.as_str()).collect();
    assert_eq!(whats[0], "is a section, not a value");
    assert!(whats[1].starts_with("invalid type: map"), "{whats:?}");
}

#[test]
fn a_file_that_is_not_toml_names_its_lines_and_the_other_layers_are_checked_too() {
    let layers = environment(file("name = 'a\n[house"), "XCHAT__HOUSE__ROOMS", "many");
    let found = mistakes(layers).to_string();
    assert!(
        found.contains("not TOML") && found.contains("town.toml, line 1"),
        "{found}"
    );
    assert!(found.contains("town.toml, line 2"), "{found}");
    assert!(found.contains("house.rooms = \"many\""), "{found}");
}

#[test]
fn a_secret_is_never_in_a_message() {
    let found = mistakes(file(
        "[house]\npassword = ['hunter2']\npasword = 'hunter2'\nrooms = 0",
    ));
    assert_eq!(found.len(), 3);
    assert!(!found.to_string().contains("hunter2"), "{found}");
}

const WRONG: [(&str, &str); 6] = [
    ("rooms", "'x'"),
    ("door", "5"),
    ("cellar", "[]"),
    ("bell", "'here'"),
    ("colours", "'red'"),
    ("roof", "1"),
];

proptest! {
    /// Whatever is wrong, and in whichever order: each mistake is reported once, nothing else is.
    #[test]
    fn every_wrong_key_is_reported_and_only_those(
        wrong in proptest::sample::subsequence(WRONG.to_vec(), 0..=6).prop_shuffle(),
        unknown in proptest::collection::btree_set("zz[a-z]{3,8}", 0..4),
    ) {
        let lines = wrong.iter().map(|(key, value)| format!("{key} = {value}"));
        let lines = lines.chain(unknown.iter().map(|key| format!("{key} = 1")));
        let text = format!("[house]\n{}", lines.collect::<Vec<_>>().join("\n"));
        let mut expected: Vec<String> = wrong.iter().map(|(key, _)| (*key).to_owned()).collect();
        expected.extend(unknown);
        let mut expected: Vec<String> = expected.iter().map(|key| format!("house.{key}")).collect();
        expected.sort();
        let found = match load::<Town>(file(&text)) {
            Ok(_) => Vec::new(),
            Err(found) => found.as_slice().iter().map(|m| m.key.clone()).collect(),
        };
        prop_assert_eq!(found, expected);
    }

    /// Any bytes as a file end in settings or in mistakes.
    #[test]
    fn no_file_makes_the_loader_panic(text in "[ -~\n]{0,200}") {
        let _ = load::<Town>(file(&text));
    }
}
