//! The binary, from ready to gone.

use rustix::process::Signal;

use crate::process::{Ready, run, server};

#[test]
fn a_signal_stops_the_server_with_exit_code_zero_and_it_starts_again_on_the_same_data() {
    let dir = tempfile::tempdir().unwrap();
    for signal in [Signal::TERM, Signal::INT] {
        let ready = Ready::start(dir.path(), &[]);
        assert!(
            ready.line.starts_with("ready: http://127.0.0.1:"),
            "{}",
            ready.line
        );
        ready.signal(signal);
        assert_eq!(ready.wait(), (Some(0), String::new()));
    }
}

#[test]
fn a_killed_server_starts_again_on_the_same_data() {
    let dir = tempfile::tempdir().unwrap();
    let ready = Ready::start(dir.path(), &[]);
    ready.signal(Signal::KILL);
    assert_eq!(ready.wait().0, None);
    let again = Ready::start(dir.path(), &[]);
    again.signal(Signal::TERM);
    assert_eq!(again.wait().0, Some(0));
}

#[test]
fn help_and_version_are_no_errors_and_name_the_roles() {
    let help = run(server(&["--help"]));
    assert_eq!(help.status.code(), Some(0));
    let text = String::from_utf8(help.stdout).unwrap();
    for word in [
        "identity", "fanout", "presence", "gateway", "config", "invite",
    ] {
        assert!(text.contains(word), "{word} in:\n{text}");
    }
    assert_eq!(run(server(&["--version"])).status.code(), Some(0));
}

#[test]
fn an_invite_is_made_beside_a_running_server() {
    let dir = tempfile::tempdir().unwrap();
    let _ready = Ready::start(dir.path(), &[]);
    let mut command = server(&["invite", "create", "--uses", "2"]);
    command.arg("--data-dir").arg(dir.path());
    let output = run(command);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 1);
}
