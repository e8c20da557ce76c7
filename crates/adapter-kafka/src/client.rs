//! Settings of librdkafka. What is not named here is its default.

use rdkafka::ClientConfig;

use crate::Config;

/// Of one reader, beyond what has been handed out.
const FETCHED_AHEAD_KIB: &str = "16384";
/// A partition that is added waits for the fetch that is under way.
const LONGEST_FETCH_MS: &str = "100";
/// A revocation is waited for so long; librdkafka gives the member up after.
pub(crate) const MAX_POLL_MS: u32 = 60_000;

fn base(config: &Config) -> ClientConfig {
    let mut client = ClientConfig::new();
    for (name, value) in &config.properties {
        client.set(name, value);
    }
    client
        .set("bootstrap.servers", &config.brokers)
        .set("client.id", "xchat")
        .set("socket.keepalive.enable", "true")
        .set("socket.timeout.ms", "4000")
        .set("reconnect.backoff.ms", "50")
        .set("reconnect.backoff.max.ms", "1000");
    client
}

pub(crate) fn admin(config: &Config) -> ClientConfig {
    base(config)
}

pub(crate) fn producer(config: &Config) -> ClientConfig {
    let mut client = base(config);
    client
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("linger.ms", "0")
        // Ciphertext does not get smaller.
        .set("compression.type", "none")
        .set("message.timeout.ms", config.delivery_ms.to_string())
        .set("message.max.bytes", config.max_record_bytes.to_string())
        .set("queue.buffering.max.messages", "100000")
        .set("queue.buffering.max.kbytes", "65536");
    client
}

/// Never subscribes, so that it never joins a group; commits nothing by itself.
pub(crate) fn consumer(config: &Config, group: &str) -> ClientConfig {
    let mut client = base(config);
    client
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "earliest")
        .set("isolation.level", "read_uncommitted")
        .set("check.crcs", "true")
        .set("queued.max.messages.kbytes", FETCHED_AHEAD_KIB)
        .set("fetch.wait.max.ms", LONGEST_FETCH_MS)
        .set("fetch.error.backoff.ms", "100")
        .set("fetch.queue.backoff.ms", "10")
        .set("session.timeout.ms", config.session_ms.to_string())
        .set("max.poll.interval.ms", MAX_POLL_MS.to_string());
    client
}

pub(crate) fn member(config: &Config, member: &str) -> ClientConfig {
    let mut client = consumer(config, &config.group);
    client
        .set("group.protocol", "classic")
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set(
            "heartbeat.interval.ms",
            (config.session_ms / 6).max(1).to_string(),
        );
    if !member.is_empty() {
        client.set("group.instance.id", member);
    }
    client
}
