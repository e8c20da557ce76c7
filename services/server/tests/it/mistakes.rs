//! Each section's own checks: reported under a key that exists.

use std::path::PathBuf;

use xchat_runtime::config::{Layers, load};
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
    ];
    assert_eq!(keys, expected, "{mistakes}");
    assert!(
        mistakes.as_slice().iter().all(|m| m.value.is_some()),
        "{mistakes}"
    );
}
