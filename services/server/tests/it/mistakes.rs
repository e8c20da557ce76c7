//! Each section's own checks: reported under a key that exists.

use std::path::PathBuf;

use serde_json::Value;
use xchat_runtime::config::{Flag, Layers, Mistake, load, schema};
use xchat_server::Config;

/// One wrong value for each check of each section.
const WRONG: &str = "\
[log]
filter = 'x=y=z'
[public]
listen = '0.0.0.0:1'
[shutdown]
grace = '1ms'
[backends.event_log]
partitions = 0
segment = '1 KiB'
[listen]
gateway = '192.0.2.1:1'
[presence]
lease_min = '0s'
[identity]
server_name = ''
proof_effort = 200
[gateway]
message_burst = 0
heartbeat = '1h'
[telemetry]
endpoint = 'https://192.0.2.1:4317'
sampling = 2
interval = '1ms'
";

#[test]
fn every_check_of_every_section_is_reported_at_once() {
    let layers = Layers {
        file: Some((PathBuf::from("xchat.toml"), WRONG.to_owned())),
        ..Layers::default()
    };
    let mistakes = load::<Config>(layers).unwrap_err();
    let keys: Vec<&str> = mistakes.as_slice().iter().map(|m| m.key.as_str()).collect();
    let expected = [
        "backends.event_log.partitions",
        "backends.event_log.segment",
        "gateway.heartbeat",
        "gateway.message_burst",
        "identity.proof_effort",
        "identity.server_name",
        "listen.gateway",
        "log.filter",
        "presence.lease_min",
        "public.listen",
        "shutdown.grace",
        "telemetry.endpoint",
        "telemetry.interval",
        "telemetry.sampling",
    ];
    assert_eq!(keys, expected, "{mistakes}");
    assert!(
        mistakes.as_slice().iter().all(|m| m.value.is_some()),
        "{mistakes}"
    );
}

/// Every setting whose schema bounds it, with its bounds.
fn bounded(schema: &Value, path: &str, found: &mut Vec<(String, Option<i64>, Option<i64>)>) {
    for (name, node) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}{name}");
        let bound = |name: &str| node[name].as_i64();
        let (least, most) = (bound("minimum"), bound("maximum"));
        if node["type"] == "integer" && (least > Some(0) || most.is_some()) {
            found.push((path.clone(), least, most));
        }
        bounded(node, &format!("{path}."), found);
    }
}

fn refused(key: &str, value: &str) -> Option<Mistake> {
    let layers = Layers {
        flags: vec![Flag {
            name: "--flag",
            key: Box::leak(key.to_owned().into_boxed_str()),
            value: value.to_owned(),
        }],
        ..Layers::default()
    };
    let mistakes = load::<Config>(layers).err()?;
    let mut own = mistakes.as_slice().iter().filter(|m| m.key == key);
    own.next().cloned()
}

#[test]
fn what_is_said_to_be_allowed_is_what_is_checked() {
    let mut found = Vec::new();
    bounded(&schema::<Config>(), "", &mut found);
    let keys: Vec<&str> = found.iter().map(|(key, ..)| key.as_str()).collect();
    for key in [
        "backends.event_log.partitions",
        "identity.proof_effort",
        "identity.proof_target_bits",
        "identity.claim_limit.burst",
        "gateway.frames_before_login",
    ] {
        assert!(keys.contains(&key), "{keys:?}");
    }
    // Those of Kafka bound each other, and are told of under one key.
    found.retain(|(key, ..)| !key.starts_with("backends.kafka."));
    for (key, least, most) in &found {
        for (inside, outside) in [
            (least.as_ref().copied(), least.map(|least| least - 1)),
            (most.as_ref().copied(), most.map(|most| most + 1)),
        ] {
            if let (Some(inside), Some(outside)) = (inside, outside) {
                assert_eq!(refused(key, &inside.to_string()), None, "{key}");
                let mistake = refused(key, &outside.to_string());
                let mistake = mistake.unwrap_or_else(|| panic!("{key} = {outside} is taken"));
                let allowed = mistake.allowed.unwrap();
                assert!(allowed.contains(&inside.to_string()), "{key}: {allowed}");
            }
        }
    }
    for (key, inside, outside, allowed) in [
        (
            "identity.access_token_life",
            "10s",
            "9s",
            "a duration from 10s to 5m",
        ),
        (
            "identity.access_token_life",
            "5m",
            "6m",
            "a duration from 10s to 5m",
        ),
        (
            "backends.event_log.segment",
            "1 GiB",
            "2 GiB",
            "a size from 1 MiB to 1 GiB",
        ),
    ] {
        assert_eq!(refused(key, inside), None, "{key} = {inside}");
        assert_eq!(refused(key, outside).unwrap().allowed.unwrap(), allowed);
    }
}
