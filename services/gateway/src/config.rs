//! Settings of the gateway, with the starting values of architecture, section 12.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use xchat_runtime::config::{ByteSize, HumanDuration, Mistakes, Section};
use xchat_types::limits;

/// Hello, a challenge and a login.
const MIN_FRAMES: u32 = 3;

/// Sockets of devices: their limits and times.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Largest MLS payload of an application envelope; larger content is a file.
    pub application_bytes: ByteSize,
    /// Largest commit bundle, genesis or control record.
    pub handshake_bytes: ByteSize,
    /// Records pushed to a socket and not yet acknowledged, above which it must pull. A quarter of
    /// it in one conversation: from there on that one is pulled, and the others go on.
    #[schemars(range(min = 1))]
    pub unacknowledged: u32,
    /// Bytes waiting to be written to one socket, above which pushes give way to a resync.
    pub mailbox_bytes: ByteSize,
    /// Requests of one socket in work at once; more wait in its TCP window.
    #[schemars(range(min = 1))]
    pub requests_in_flight: u32,
    /// A socket from which nothing came for so long is closed.
    pub idle: HumanDuration,
    /// Interval of pings to a quiet socket.
    pub heartbeat: HumanDuration,
    /// A socket that takes no byte for so long is closed.
    pub write_timeout: HumanDuration,
    /// From the upgrade to the first frame.
    pub first_frame: HumanDuration,
    /// From the upgrade to login.
    pub login: HumanDuration,
    /// Frames before login.
    #[schemars(range(min = MIN_FRAMES))]
    pub frames_before_login: u32,
    /// Sockets at once that have not logged in. One too many displaces the oldest of the address
    /// that has most of them.
    #[schemars(range(min = 1))]
    pub sockets_before_login: u32,
    /// Sockets at once. Zero: what the limit of open files allows, less a reserve.
    pub sockets: u32,
    /// How long a route lives without being refreshed.
    pub lease: HumanDuration,
    /// Envelopes at once per device and conversation.
    #[schemars(range(min = 1))]
    pub message_burst: u32,
    /// One more envelope is allowed after so long.
    pub message_interval: HumanDuration,
    /// Handshakes and control records at once per device and conversation.
    #[schemars(range(min = 1))]
    pub handshake_burst: u32,
    /// One more handshake is allowed after so long.
    pub handshake_interval: HumanDuration,
    /// Devices are asked to come back within this time when the server stops.
    pub reconnect_spread: HumanDuration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            application_bytes: ByteSize(limits::MAX_APPLICATION_BYTES as u64),
            handshake_bytes: ByteSize(limits::MAX_HANDSHAKE_BYTES as u64),
            unacknowledged: 256,
            mailbox_bytes: ByteSize(1_048_576),
            requests_in_flight: 64,
            idle: HumanDuration::from_secs(90),
            heartbeat: HumanDuration::from_secs(30),
            write_timeout: HumanDuration::from_secs(30),
            first_frame: HumanDuration::from_secs(5),
            login: HumanDuration::from_secs(60),
            frames_before_login: 10,
            sockets_before_login: 1_024,
            sockets: 0,
            lease: HumanDuration::from_secs(60),
            message_burst: 60,
            message_interval: HumanDuration::from_secs(1),
            handshake_burst: 10,
            handshake_interval: HumanDuration::from_secs(10),
            reconnect_spread: HumanDuration::from_secs(5),
        }
    }
}

impl Section for Config {
    const NAME: &'static str = "gateway";

    fn check(&self, mistakes: &mut Mistakes) {
        let frame = limits::MAX_FRAME as u64;
        if self.handshake_bytes.0 > frame || self.application_bytes.0 > frame {
            mistakes.add(
                "handshake_bytes",
                "application_bytes and handshake_bytes must fit a frame of 576 KiB",
            );
        }
        for (key, zero) in [
            ("unacknowledged", self.unacknowledged == 0),
            ("requests_in_flight", self.requests_in_flight == 0),
            ("frames_before_login", self.frames_before_login < MIN_FRAMES),
            ("sockets_before_login", self.sockets_before_login == 0),
            ("message_burst", self.message_burst == 0),
            ("handshake_burst", self.handshake_burst == 0),
        ] {
            if zero {
                mistakes.add(key, "is too small for anyone to log in or send");
            }
        }
        if self.heartbeat.0 >= self.idle.0 {
            mistakes.add("heartbeat", "must be shorter than gateway.idle");
        }
    }
}
