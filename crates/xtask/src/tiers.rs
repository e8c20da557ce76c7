//! Who may import whom. The table is data; `cargo metadata` says who does.

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::repository;

/// A row of the table: crates of a tier, and what they may import at run time.
pub(crate) struct Tier {
    pub(crate) name: &'static str,
    pub(crate) crates: &'static [&'static str],
    pub(crate) may: &'static [&'static str],
}

const T0: &[&str] = &["xchat-types", "xchat-proto"];
const ADAPTERS: &[&str] = &[
    "xchat-adapter-memory",
    "xchat-adapter-embedded",
    "xchat-adapter-kafka",
    "xchat-adapter-scylla",
    "xchat-adapter-redis",
    "xchat-adapter-s3",
];

pub(crate) const TIERS: &[Tier] = &[
    Tier {
        name: "0",
        crates: T0,
        may: &["xchat-types"],
    },
    Tier {
        name: "1",
        crates: &["xchat-crypto", "xchat-ports"],
        may: T0,
    },
    Tier {
        name: "1 (mls)",
        crates: &["xchat-mls"],
        may: &["xchat-types", "xchat-proto", "xchat-crypto"],
    },
    Tier {
        name: "2",
        crates: &[
            "xchat-adapter-memory",
            "xchat-adapter-embedded",
            "xchat-adapter-kafka",
            "xchat-adapter-scylla",
            "xchat-adapter-redis",
            "xchat-adapter-s3",
            "xchat-runtime",
            "xchat-auth",
        ],
        may: &[
            "xchat-types",
            "xchat-proto",
            "xchat-crypto",
            "xchat-mls",
            "xchat-ports",
        ],
    },
    Tier {
        name: "3 (services)",
        crates: &[
            "xchat-identity",
            "xchat-fanout",
            "xchat-media",
            "xchat-presence",
            "xchat-expiry",
            "xchat-calls",
            "xchat-gateway",
        ],
        may: &[
            "xchat-types",
            "xchat-proto",
            "xchat-crypto",
            "xchat-mls",
            "xchat-ports",
            "xchat-runtime",
            "xchat-auth",
        ],
    },
    Tier {
        name: "4 (backends)",
        crates: &["xchat-backends"],
        may: &[
            "xchat-types",
            "xchat-proto",
            "xchat-crypto",
            "xchat-mls",
            "xchat-ports",
            "xchat-adapter-*",
            "xchat-runtime",
            "xchat-auth",
        ],
    },
    Tier {
        name: "5 (server)",
        crates: &["xchat-server"],
        may: &[
            "xchat-types",
            "xchat-proto",
            "xchat-crypto",
            "xchat-mls",
            "xchat-ports",
            "xchat-adapter-*",
            "xchat-runtime",
            "xchat-auth",
            "xchat-backends",
            "xchat-identity",
            "xchat-fanout",
            "xchat-media",
            "xchat-presence",
            "xchat-expiry",
            "xchat-calls",
            "xchat-gateway",
        ],
    },
    Tier {
        name: "client (core)",
        crates: &["xchat-core"],
        may: &["xchat-types", "xchat-proto", "xchat-crypto", "xchat-mls"],
    },
    Tier {
        name: "client (sdk, wasm)",
        crates: &["xchat-sdk", "xchat-wasm"],
        may: &["xchat-core", "xchat-types", "xchat-proto", "xchat-crypto"],
    },
    Tier {
        name: "client (cli)",
        crates: &["xchat-cli"],
        may: &["xchat-sdk"],
    },
    Tier {
        name: "test",
        crates: &["xchat-integration-tests", "xchat-bench"],
        may: &[
            "xchat-sdk",
            "xchat-core",
            "xchat-server",
            "xchat-types",
            "xchat-proto",
        ],
    },
    Tier {
        name: "tooling",
        crates: &["xtask"],
        may: &[],
    },
];

/// Clients must not switch this on, not even through another crate.
const CLIENTS: &[&str] = &["xchat-core", "xchat-sdk", "xchat-wasm", "xchat-cli"];

pub(crate) fn metadata() -> Result<Value> {
    let arguments = ["metadata", "--format-version", "1", "--no-deps", "--locked"];
    Ok(serde_json::from_str(&repository::run(
        "cargo", &arguments,
    )?)?)
}

pub(crate) fn check() -> Result<Vec<String>> {
    findings(&metadata()?)
}

fn findings(metadata: &Value) -> Result<Vec<String>> {
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata has no packages")?;
    let names: Vec<&str> = packages.iter().filter_map(|p| p["name"].as_str()).collect();
    let mut found = Vec::new();
    for package in packages {
        let name = package["name"]
            .as_str()
            .context("a package without a name")?;
        let Some(tier) = TIERS.iter().find(|tier| tier.crates.contains(&name)) else {
            found.push(format!(
                "tiers: {name} is in no tier; add it to crates/xtask/src/tiers.rs"
            ));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let to = dependency["name"].as_str().unwrap_or_default();
            // Tests may use adapters and contract suites; what ships may not.
            if dependency["kind"] == "dev" || !names.contains(&to) {
                continue;
            }
            if !allowed(tier, to) {
                found.push(format!(
                    "tiers: {name} (tier {}) must not import {to}",
                    tier.name
                ));
            }
            let grpc = dependency["features"]
                .as_array()
                .is_some_and(|features| features.iter().any(|feature| feature == "grpc"));
            if grpc && CLIENTS.contains(&name) {
                found.push(format!(
                    "tiers: {name} must not enable feature grpc of {to}"
                ));
            }
        }
    }
    Ok(found)
}

fn allowed(tier: &Tier, to: &str) -> bool {
    tier.may.contains(&to) || (tier.may.contains(&"xchat-adapter-*") && ADAPTERS.contains(&to))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn package(name: &str, dependencies: &Value) -> Value {
        json!({ "name": name, "dependencies": dependencies })
    }

    fn with(dependencies: &Value) -> Vec<String> {
        let nothing = json!([]);
        findings(&json!({ "packages": [
            package("xchat-fanout", dependencies),
            package("xchat-adapter-embedded", &nothing),
            package("xchat-identity", &nothing),
            package("xchat-ports", &nothing),
        ]}))
        .unwrap()
    }

    #[test]
    fn a_service_that_imports_an_adapter_or_a_service_is_found() {
        let bad = json!([
            { "name": "xchat-adapter-embedded", "kind": null, "features": [] },
            { "name": "xchat-identity", "kind": null, "features": [] },
            { "name": "xchat-ports", "kind": null, "features": [] },
        ]);
        assert_eq!(with(&bad).len(), 2);
    }

    #[test]
    fn its_tests_may_use_adapters() {
        assert!(with(&json!([{ "name": "xchat-adapter-embedded", "kind": "dev" }])).is_empty());
    }

    #[test]
    fn a_crate_in_no_tier_and_a_client_with_grpc_are_found() {
        let grpc = json!([{ "name": "xchat-proto", "kind": null, "features": ["grpc"] }]);
        let found = findings(&json!({ "packages": [
            package("xchat-misc", &json!([])),
            package("xchat-proto", &json!([])),
            package("xchat-core", &grpc),
        ]}))
        .unwrap();
        assert_eq!(found.len(), 2);
    }
}
