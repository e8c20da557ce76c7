//! What `config print`, `config example` and `config schema` write.

use xchat_runtime::config::{example, load, print, schema};

use crate::settings::{Town, environment, file};

#[test]
fn print_shows_each_value_with_its_origin_and_no_secret() {
    let layers = environment(
        file("name = 'Ulm'\n\n[house]\npassword = 'hunter2'"),
        "XCHAT__HOUSE__DOOR",
        "90s",
    );
    let expected = "\
name = \"Ulm\"   # town.toml, line 1

[house]
bell = \"127.0.0.1:7\"   # default
cellar = \"2 MiB\"   # default
colours = [\"white\"]   # default
door = \"1m 30s\"   # environment variable XCHAT__HOUSE__DOOR
password = \"(secret)\"   # town.toml, line 4
#password_file =   # not set
roof = \"steep\"   # default
rooms = 3   # default
";
    assert_eq!(print(&load::<Town>(layers).unwrap()), expected);
}

#[test]
fn the_example_documents_every_setting_and_uncommented_it_is_the_defaults() {
    let text = example::<Town>("Example.");
    assert!(
        text.starts_with("# Example.\n\n# Name of the town.\n#name = \"\"\n"),
        "{text}"
    );
    assert!(
        text.contains("\n# How much a house can hold.\n[house]\n"),
        "{text}"
    );
    assert!(
        text.contains("# Not set by default. Allowed: text in quotes.\n#password ="),
        "{text}"
    );
    let uncommented: Vec<&str> = text
        .lines()
        .filter(|line| !line.ends_with('='))
        .map(|line| {
            if line.starts_with("# ") {
                ""
            } else {
                line.trim_start_matches('#')
            }
        })
        .collect();
    let loaded = load::<Town>(file(&uncommented.join("\n"))).unwrap();
    assert_eq!(loaded.origins.len(), 7);
    let defaults = serde_json::to_value(Town::default()).unwrap();
    assert_eq!(serde_json::to_value(loaded.config).unwrap(), defaults);
}

#[test]
fn the_schema_refuses_what_the_loader_refuses() {
    let schema = schema::<Town>();
    assert_eq!(schema["additionalProperties"], false);
    let house = &schema["properties"]["house"];
    assert_eq!(house["additionalProperties"], false);
    assert_eq!(
        house["properties"]["rooms"]["description"],
        "Rooms, at least one."
    );
}
