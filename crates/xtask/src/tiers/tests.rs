use serde_json::{Value, json};

use super::{imports, links_grpc};

/// A workspace in which `name` depends on `dependencies`, each (name, kind).
fn found(name: &str, dependencies: &[(&str, Option<&str>)]) -> Vec<String> {
    let dependencies: Vec<Value> = dependencies
        .iter()
        .map(|(name, kind)| json!({ "name": name, "kind": kind }))
        .collect();
    let others = [
        "xchat-types",
        "xchat-ports",
        "xchat-adapter-embedded",
        "xchat-identity",
        "xchat-server",
        "xchat-core",
        "xchat-sdk",
    ];
    let mut packages: Vec<Value> = others
        .iter()
        .filter(|other| **other != name)
        .map(|other| json!({ "name": other, "dependencies": [] }))
        .collect();
    packages.push(json!({ "name": name, "dependencies": dependencies }));
    imports(&json!({ "packages": packages })).unwrap()
}

#[test]
fn a_service_imports_ports_but_no_adapter_and_no_service() {
    let found = found(
        "xchat-fanout",
        &[
            ("xchat-ports", None),
            ("xchat-adapter-embedded", None),
            ("xchat-identity", None),
        ],
    );
    assert_eq!(
        found,
        [
            "tiers: xchat-fanout (tier 3, services) must not import xchat-adapter-embedded",
            "tiers: xchat-fanout (tier 3, services) must not import xchat-identity",
        ]
    );
}

#[test]
fn a_service_tests_with_adapters_but_with_no_other_service() {
    let found = found(
        "xchat-fanout",
        &[
            ("xchat-adapter-embedded", Some("dev")),
            ("xchat-identity", Some("dev")),
        ],
    );
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("must not test with xchat-identity"));
}

#[test]
fn an_import_of_a_build_script_counts() {
    assert_eq!(
        found("xchat-types", &[("xchat-ports", Some("build"))]).len(),
        1
    );
}

#[test]
fn a_client_imports_no_server_crate() {
    assert_eq!(found("xchat-cli", &[("xchat-sdk", None)]).len(), 0);
    assert_eq!(found("xchat-cli", &[("xchat-server", None)]).len(), 1);
    assert_eq!(found("xchat-core", &[("xchat-ports", None)]).len(), 1);
}

#[test]
fn the_tooling_imports_nothing_of_the_workspace() {
    assert_eq!(found("xtask", &[("xchat-types", None)]).len(), 1);
}

#[test]
fn a_crate_in_no_tier_is_found() {
    assert!(found("xchat-misc", &[])[0].contains("is in no tier"));
}

#[test]
fn a_technology_is_named_by_its_crate_alone() {
    assert_eq!(found("xchat-mls", &[("openmls_traits", None)]).len(), 0);
    assert_eq!(found("xchat-core", &[("openmls_traits", None)]).len(), 1);
    assert_eq!(found("xchat-fanout", &[("fjall", Some("dev"))]).len(), 1);
}

#[test]
fn grpc_in_a_client_is_seen_through_other_crates() {
    assert!(links_grpc(
        "xchat-core v0.1.0 (/x)\nxchat-proto v0.1.0\ntonic v0.14.9\n"
    ));
    assert!(links_grpc("tonic-prost v0.14.9 (*)"));
    assert!(!links_grpc("xchat-core v0.1.0\nprost v0.14.6\n"));
}
