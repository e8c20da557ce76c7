//! A disk of one mebibyte: a tmpfs in a mount namespace of its own.
//!
//! Needs `unshare` and leave to use it. Where that is missing the test says so and passes, unless
//! `XCHAT_TEST_REQUIRE` names `unshare`.

use std::{io::Write as _, path::Path, process::Command};

use crate::{golden, process::run};

/// The server in a namespace where the directory is a small disk with so much of it taken.
fn server_on_full_disk(dir: &Path, taken_kib: u32) -> Option<Command> {
    let namespace = ["--map-root-user", "--mount"];
    let allowed = Command::new("unshare").args(namespace).arg("true").status();
    if !allowed.is_ok_and(|status| status.success()) {
        let required = std::env::var_os("XCHAT_TEST_REQUIRE").unwrap_or_default();
        assert!(
            !required.to_string_lossy().contains("unshare"),
            "unshare is required"
        );
        // Not by a macro: what those print is shown of failures only.
        let said = "skipped: no mount namespace can be made here\n";
        std::io::stderr().write_all(said.as_bytes()).unwrap();
        return None;
    }
    let script = "mount -t tmpfs -o size=1m tmpfs \"$1\" && \
                  dd if=/dev/zero of=\"$1/taken\" bs=1k count=\"$2\" status=none && \
                  exec \"$0\" --data-dir \"$1\" --listen 127.0.0.1:0";
    let mut command = Command::new("unshare");
    command.args(namespace).args(["sh", "-c", script]);
    command.arg(env!("CARGO_BIN_EXE_xchat-server")).arg(dir);
    command.arg(taken_kib.to_string());
    Some(command)
}

#[track_caller]
fn check(name: &str, taken_kib: u32) {
    let dir = tempfile::tempdir().unwrap();
    let Some(command) = server_on_full_disk(dir.path(), taken_kib) else {
        return;
    };
    let output = run(command);
    let text = String::from_utf8(output.stderr).unwrap();
    let text = text.replace(dir.path().to_str().unwrap(), "DIR");
    let code = output.status.code().unwrap();
    golden::check(
        &format!("testdata/server/{name}.txt"),
        &format!("exit {code}\n{text}"),
    );
}

#[test]
fn no_room_for_the_log() {
    check("no_space_log", 0);
}

#[test]
fn no_room_for_a_store() {
    check("no_space_store", 1_020);
}
