//! The table itself: the tiers, who may import whom, and who alone may name a technology.

/// A row: crates of one tier and what they may import.
#[derive(Debug)]
pub(crate) struct Tier {
    pub(crate) name: &'static str,
    pub(crate) crates: &'static [&'static str],
    /// What may stand under `[dependencies]` and `[build-dependencies]`.
    pub(crate) imports: &'static [Group],
    /// What their tests may use on top, under `[dev-dependencies]`.
    pub(crate) tests: &'static [Group],
}

/// Crates that are allowed or refused together.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: &'static str,
    pub(crate) crates: &'static [&'static str],
}

const fn group(name: &'static str, crates: &'static [&'static str]) -> Group {
    Group { name, crates }
}

const TYPES: Group = group("types", &["xchat-types"]);
const PROTO: Group = group("proto", &["xchat-proto"]);
const CRYPTO: Group = group("crypto", &["xchat-crypto"]);
const MLS: Group = group("mls", &["xchat-mls"]);
const PORTS: Group = group("ports", &["xchat-ports"]);
const ADAPTERS: Group = group(
    "every adapter",
    &[
        "xchat-adapter-embedded",
        "xchat-adapter-kafka",
        "xchat-adapter-memory",
        "xchat-adapter-redis",
        "xchat-adapter-s3",
        "xchat-adapter-scylla",
    ],
);
const RUNTIME: Group = group("runtime, auth", &["xchat-auth", "xchat-runtime"]);
const SERVICES: Group = group(
    "every service",
    &[
        "xchat-calls",
        "xchat-expiry",
        "xchat-fanout",
        "xchat-gateway",
        "xchat-identity",
        "xchat-media",
        "xchat-presence",
    ],
);
const BACKENDS: Group = group("backends", &["xchat-backends"]);
const SERVER: Group = group("server", &["xchat-server"]);
const CORE: Group = group("core", &["xchat-core"]);
const SDK: Group = group("sdk", &["xchat-sdk"]);

pub(crate) const TIERS: &[Tier] = &[
    Tier {
        name: "0",
        crates: &["xchat-types", "xchat-proto"],
        imports: &[TYPES],
        tests: &[],
    },
    Tier {
        name: "1",
        crates: &["xchat-crypto", "xchat-ports"],
        imports: &[TYPES, PROTO],
        tests: &[],
    },
    Tier {
        name: "1, MLS",
        crates: MLS.crates,
        imports: &[TYPES, PROTO, CRYPTO],
        tests: &[],
    },
    Tier {
        name: "2, adapters",
        crates: ADAPTERS.crates,
        imports: &[TYPES, PROTO, CRYPTO, MLS, PORTS],
        tests: &[ADAPTERS],
    },
    Tier {
        name: "2, running",
        crates: RUNTIME.crates,
        imports: &[TYPES, PROTO, CRYPTO, MLS, PORTS],
        tests: &[ADAPTERS],
    },
    Tier {
        name: "3, services",
        crates: SERVICES.crates,
        imports: &[TYPES, PROTO, CRYPTO, MLS, PORTS, RUNTIME],
        tests: &[ADAPTERS],
    },
    Tier {
        name: "4",
        crates: BACKENDS.crates,
        imports: &[TYPES, PROTO, CRYPTO, MLS, PORTS, ADAPTERS, RUNTIME],
        tests: &[],
    },
    Tier {
        name: "5",
        crates: SERVER.crates,
        imports: &[
            TYPES, PROTO, CRYPTO, MLS, PORTS, ADAPTERS, RUNTIME, SERVICES, BACKENDS,
        ],
        tests: &[],
    },
    Tier {
        name: "client, core",
        crates: CORE.crates,
        imports: &[TYPES, PROTO, CRYPTO, MLS],
        tests: &[],
    },
    Tier {
        name: "client, hosts",
        crates: &["xchat-sdk", "xchat-wasm"],
        imports: &[TYPES, PROTO, CRYPTO, CORE],
        tests: &[SERVER],
    },
    Tier {
        name: "client, terminal",
        crates: &["xchat-cli"],
        imports: &[SDK],
        tests: &[SERVER],
    },
    Tier {
        name: "test",
        crates: &["xchat-bench", "xchat-integration-tests"],
        // Below the SDK: the wire itself, for hostile clients and for load.
        imports: &[TYPES, PROTO, CRYPTO, MLS, CORE, SDK, SERVER],
        // What a killed server has left in its stores.
        tests: &[ADAPTERS, PORTS],
    },
    Tier {
        name: "tooling",
        crates: &["xtask"],
        imports: &[],
        tests: &[],
    },
];

/// Crates that end up on a device: nothing of gRPC may be linked into them.
pub(crate) const CLIENTS: &[&str] = &["xchat-core", "xchat-sdk", "xchat-wasm", "xchat-cli"];

/// A third-party crate, or all whose names start so (`*`), and the crates that alone may name it.
pub(crate) const ALONE: &[(&str, &[&str])] = &[
    ("fjall", &["xchat-adapter-embedded"]),
    ("hpke-rs*", MLS.crates),
    ("object_store", &["xchat-adapter-s3"]),
    ("openmls*", MLS.crates),
    // Collectors for tests; before all others of its name.
    (
        "opentelemetry-proto",
        &["xchat-bench", "xchat-integration-tests"],
    ),
    // So that no metric is made that the docs do not list, and no span with an id.
    ("opentelemetry*", &["xchat-runtime"]),
    ("rdkafka", &["xchat-adapter-kafka"]),
    ("redb", SDK.crates),
    ("redis", &["xchat-adapter-redis"]),
    ("scylla*", &["xchat-adapter-scylla"]),
];
