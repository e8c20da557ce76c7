//! Six processes on the engines of this machine, with certificates of a CA of their own.
//!
//! The engines are those that `infra/stack/stack.sh env` names. Each house has a topic, a keyspace
//! and a prefix to itself, so that houses know nothing of each other.

use std::{env, fs, path::Path, process};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::{Process, free_ports};

const PROCESSES: [(&str, &str); 6] = [
    ("presence", "presence"),
    ("identity", "identity"),
    ("fanout-1", "fanout"),
    ("fanout-2", "fanout"),
    ("gateway-1", "gateway"),
    ("gateway-2", "gateway"),
];

pub(super) fn plan(folder: &Path, settings: &mut Vec<(String, String)>) -> Vec<Process> {
    engines(folder, settings);
    let ca = authority();
    let mut plan = Vec::new();
    let mut peers: Vec<(&str, Vec<String>)> = Vec::new();
    for ((name, role), port) in PROCESSES.into_iter().zip(free_ports::<6>()) {
        let mut process = Process::new(name, &[role]);
        process.set(&format!("listen__{role}"), format!("127.0.0.1:{port}"));
        certify(&mut process, folder, &ca, role);
        if role == "fanout" {
            process.set("fanout__member", name);
        }
        let address = format!("https://127.0.0.1:{port}");
        match peers.iter_mut().find(|(of, _)| *of == role) {
            Some((_, addresses)) => addresses.push(address),
            None => peers.push((role, vec![address])),
        }
        plan.push(process);
    }
    for (role, addresses) in peers.into_iter().filter(|(role, _)| *role != "gateway") {
        settings.push((format!("peers__{role}"), addresses.join(",")));
    }
    plan
}

fn engines(folder: &Path, settings: &mut Vec<(String, String)>) {
    let engine = |name: &str| {
        env_of(name).unwrap_or_else(|| {
            panic!("a fleet needs {name}: make stack-up, then infra/stack/stack.sh env")
        })
    };
    let (kafka, scylla) = (engine("XCHAT_TEST_KAFKA"), engine("XCHAT_TEST_SCYLLA"));
    // With three nodes one may be away; one node holds everything alone.
    let copies = |nodes: &str| {
        if nodes.split(',').count() < 3 {
            "1"
        } else {
            "3"
        }
    };
    let in_sync = if copies(&kafka) == "3" { "2" } else { "1" };
    let own = folder.file_name().expect("a name").to_string_lossy();
    let own: String = own.chars().filter(char::is_ascii_alphanumeric).collect();
    let own = format!("t{}{}", process::id(), own.to_lowercase());
    // The cluster, if that is what the stack runs.
    let cluster = env_of("XCHAT_TEST_REDIS_CLUSTER");
    let is_cluster = cluster.is_some().to_string();
    let redis = cluster.unwrap_or_else(|| engine("XCHAT_TEST_REDIS"));
    for (key, value) in [
        ("event_log__kind", "kafka"),
        ("event_log__partitions", "8"),
        ("message_store__kind", "scylla"),
        ("directory_store__kind", "scylla"),
        ("routing__kind", "redis"),
        ("kafka__brokers", &kafka),
        ("kafka__topic", &own),
        ("kafka__group", &own),
        ("kafka__replication", copies(&kafka)),
        ("kafka__min_in_sync", in_sync),
        ("scylla__nodes", &scylla),
        ("scylla__keyspace", &own),
        ("scylla__replicas", copies(&scylla)),
        ("redis__urls", &redis),
        ("redis__cluster", &is_cluster),
        ("redis__prefix", &own),
    ] {
        settings.push((format!("backends__{key}"), value.to_owned()));
    }
}

#[allow(clippy::disallowed_methods, reason = "the stack tells tests so")]
fn env_of(name: &str) -> Option<String> {
    env::var(name).ok()
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    CertifiedIssuer::self_signed(params, key).expect("a CA")
}

fn certify(process: &mut Process, folder: &Path, ca: &Authority, role: &str) {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec![format!("{role}.xchat.internal")]);
    let certificate = params
        .and_then(|params| params.signed_by(&key, ca))
        .expect("a certificate");
    for (setting, pem) in [
        ("ca_file", ca.pem()),
        ("cert_file", certificate.pem()),
        ("key_file", key.serialize_pem()),
    ] {
        let path = folder.join(format!("{}-{setting}.pem", process.name));
        fs::write(&path, pem).expect("a file in the folder");
        process.set(&format!("mtls__{setting}"), path.to_string_lossy());
    }
}
