//! The committed example and schema are what the program writes.

use std::fs;

use crate::{
    golden,
    process::{run, server},
};

fn output(arguments: &[&str]) -> String {
    let output = run(server(arguments));
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_example_file_in_the_docs_is_up_to_date() {
    golden::check("docs/config.example.toml", &output(&["config", "example"]));
}

#[test]
fn the_schema_in_the_docs_is_up_to_date() {
    golden::check("docs/config.schema.json", &output(&["config", "schema"]));
}

#[test]
fn every_setting_is_documented() {
    let text = output(&["config", "example"]);
    let mut before = "";
    for line in text.lines() {
        let setting = line.starts_with('#') && !line.starts_with("# ") && line.contains(" =");
        assert!(
            !setting || before.starts_with("# "),
            "{line} has no documentation"
        );
        before = line;
    }
}

#[test]
fn the_example_is_a_configuration_without_mistakes_and_print_names_every_origin() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("xchat.toml");
    let mut text = output(&["config", "example"]);
    text.push_str("\n[log]\nformat = \"json\"\n");
    let text = text.replace("\n[log]\n\n", "\n");
    fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    for arguments in [
        ["config", "check", "--config", file],
        ["config", "--config", file, "check"],
        ["--config", file, "config", "check"],
    ] {
        assert_eq!(output(&arguments), "The configuration has no mistakes.\n");
    }
    let mut command = server(&[
        "config",
        "print",
        "--config",
        file,
        "--listen",
        "127.0.0.1:1",
    ]);
    command.env("XCHAT__SHUTDOWN__GRACE", "3s");
    let printed = String::from_utf8(run(command).stdout).unwrap();
    for expected in [
        "format = \"json\"   # ",
        "listen = \"127.0.0.1:1\"   # flag --listen",
        "grace = \"3s\"   # environment variable XCHAT__SHUTDOWN__GRACE",
        "drain = \"5s\"   # default",
    ] {
        assert!(printed.contains(expected), "{expected} in:\n{printed}");
    }
}
