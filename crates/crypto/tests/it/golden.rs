//! The committed vectors: equal to what this code computes, and to what another language does.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

use crate::vectors;

const UPDATE: &str =
    "if the format is meant to change: cargo run -p xchat-crypto --example vectors";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/crypto")
}

fn committed(name: &str) -> Vec<Value> {
    let path = folder().join(name).with_extension("json");
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let file: Value = serde_json::from_str(&text).expect("a vector file is JSON");
    file["cases"].as_array().expect("it has cases").clone()
}

/// One line for each field that differs.
fn differences(name: &str, old: &[Value], new: &[Value]) -> Vec<String> {
    let mut lines = Vec::new();
    if old.len() != new.len() {
        lines.push(format!(
            "{name}: {} cases committed, {} computed",
            old.len(),
            new.len()
        ));
    }
    for (index, (old, new)) in old.iter().zip(new).enumerate() {
        let (old, new) = (old.as_object().unwrap(), new.as_object().unwrap());
        let fields: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for field in fields {
            if old.get(field) != new.get(field) {
                lines.push(format!(
                    "{name}[{index}].{field}\n  committed {:?}\n  computed  {:?}",
                    old.get(field),
                    new.get(field)
                ));
            }
        }
    }
    lines
}

#[test]
fn the_committed_vectors_are_what_the_code_computes() {
    let lines: Vec<String> = vectors::all()
        .iter()
        .flat_map(|(name, computed)| differences(name, &committed(name), computed))
        .collect();
    assert!(lines.is_empty(), "{}\n{UPDATE}", lines.join("\n"));
}

#[test]
fn no_vector_file_is_left_over() {
    let known: BTreeSet<String> = vectors::all()
        .iter()
        .map(|(name, _)| format!("{name}.json"))
        .collect();
    let found: BTreeSet<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(found, known);
}

fn check_in_python(folder: &Path) -> Output {
    Command::new("python3")
        .arg(folder.join("check.py"))
        .output()
        .expect("python3 is needed for this test: `make setup` installs it")
}

#[test]
fn an_independent_computation_in_python_gives_the_same_vectors() {
    let output = check_in_python(&folder());
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    let cases: usize = vectors::all().iter().map(|(_, cases)| cases.len()).sum();
    assert!(
        said.contains(&format!("{cases} cases agree")),
        "not every case was checked: {said}"
    );
}

/// Adds one to the last digit of a hexadecimal or decimal value.
fn change(value: &mut Value) {
    *value = match value.as_str() {
        Some(text) => {
            let (front, last) = text.split_at(text.len() - 1);
            let digit = (u8::from_str_radix(last, 16).unwrap() + 1) % 16;
            Value::from(format!("{front}{digit:x}"))
        }
        None => Value::from(value.as_u64().unwrap() + 1),
    };
}

#[test]
fn the_computation_in_python_notices_a_changed_digit_in_every_file() {
    let changed = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(folder()).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), changed.path().join(entry.file_name())).unwrap();
        }
    }
    let fields = [
        ("certificate", "certificate"),
        ("control", "signed_control"),
        ("derivations", "group_id"),
        ("envelope", "digest"),
        ("head", "head_hash_0"),
        ("ids", "device_id"),
        ("login", "signature"),
        ("padding", "padded"),
        ("phrase", "root_seed"),
        ("proof", "signed_challenge"),
        ("safety", "safety_number"),
        ("store", "subkey"),
    ];
    assert_eq!(fields.len(), vectors::all().len());
    for (name, field) in fields {
        let mut cases = committed(name);
        change(&mut cases[0][field]);
        let path = changed.path().join(name).with_extension("json");
        fs::write(path, serde_json::json!({ "cases": cases }).to_string()).unwrap();
    }
    let output = check_in_python(changed.path());
    assert!(!output.status.success());
    let errors = String::from_utf8_lossy(&output.stderr);
    for (name, field) in fields {
        assert!(
            errors.contains(&format!("{name}[0]")),
            "{name}.{field} went unnoticed:\n{errors}"
        );
    }
}
