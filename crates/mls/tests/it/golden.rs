//! The committed vectors: equal to what this code computes, and to what another language does.

use std::{fs, path::PathBuf, process::Command};

use serde_json::{Value, json};

use crate::{
    person::{Person, gather},
    rogue::POLICY,
    server::Server,
    vectors,
};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/mls")
}

fn committed(name: &str) -> Value {
    let path = folder().join(name).with_extension("json");
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).expect("a vector file is JSON")
}

#[test]
fn the_committed_vectors_are_what_the_code_computes() {
    for (name, cases) in vectors::all() {
        let computed = json!({ "cases": cases });
        assert_eq!(
            committed(name),
            computed,
            "{name}: if the format is meant to change, write this to testdata/mls/{name}.json:\n{}",
            serde_json::to_string_pretty(&computed).unwrap()
        );
    }
}

/// The snapshot's layout and the policy inside are what `check.py` reads them as.
#[test]
fn another_language_agrees() {
    let mut server = Server::new();
    let [mut a, mut b] = [1, 2].map(Person::new);
    gather(
        &mut server,
        xchat_mls::Suite::Classical,
        &mut [&mut a, &mut b],
    );
    let snapshot = hex::encode(server.snapshot().to_bytes());
    let owner = hex::encode(a.account());
    let run = Command::new("python3")
        .arg(folder().join("check.py"))
        .args([snapshot, POLICY.to_string(), owner])
        .output();
    let output = run.expect("python3 is installed");
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
