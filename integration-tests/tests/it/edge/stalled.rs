//! After login: readers that have stopped.

use std::{net::Ipv4Addr, time::Duration};

use tokio::time::Instant;
use xchat_integration_tests::{
    House, Shape,
    raw::{Device, Link, Room},
};
use xchat_proto::client::{client_frame::Body as Ask, server_frame::Body as Tell};

use super::{Pair, resident};
use crate::SERVER;

const READERS: usize = 32;
const MESSAGES: usize = 160;
/// Near the largest of an application envelope.
const BYTES: usize = 60 * 1_024;

/// Readers whose sockets take little, in a room with a writer.
async fn readers(house: &House) -> (Device, Link, Room, Vec<(Device, Link)>) {
    let mut readers = Vec::new();
    for _ in 0..READERS {
        let device = Device::new();
        let mut link = Link::connect_from(house.public(), Ipv4Addr::LOCALHOST, Some(4_096)).await;
        link.log_in(&device, true).await;
        readers.push((device, link));
    }
    let writer = Device::new();
    let mut link = Link::open(house.public(), &writer, true).await;
    let room = Room::of(&writer, &mut link, &mut readers).await;
    (writer, link, room, readers)
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_that_have_stopped_cost_bounded_memory_and_slow_nobody() {
    let settings = [
        // The bytes of the mailbox are to be the limit, not the window.
        ("gateway__unacknowledged", "4096"),
        ("gateway__mailbox_bytes", "512 KiB"),
        ("gateway__write_timeout", "120s"),
    ];
    let house = House::with(SERVER, Shape::OneProcess, &settings);
    let mut pair = Pair::register(&house).await;
    let (writer, mut link, mut room, mut readers) = readers(&house).await;
    let before = resident(&house);
    let mut slowest = Duration::ZERO;
    let plaintext = vec![0x78; BYTES];
    // From here on no reader reads.
    for number in 0..MESSAGES {
        let envelope = room.envelope(&writer, &plaintext);
        link.ask(Ask::Submit(envelope)).await;
        if number % 16 == 15 {
            let started = Instant::now();
            pair.talk().await;
            slowest = slowest.max(started.elapsed());
        }
    }
    assert!(
        slowest < Duration::from_secs(15),
        "others waited {slowest:?}"
    );
    let grown = resident(&house).saturating_sub(before) / 1_024;
    // To each reader 9 MiB were pushed: 300 MiB, if they were kept.
    assert!(grown < 128, "{grown} MiB for {READERS} stopped readers");
    // They really had stopped: what did not fit was dropped, and is made good by a resync.
    let (_, reader) = readers.first_mut().unwrap();
    let mut read = 0;
    reader
        .pushed(|push| {
            read += usize::from(matches!(push, Tell::DeliverPush(_)));
            matches!(push, Tell::ResyncPush(_)).then_some(())
        })
        .await;
    assert!(read < MESSAGES, "nothing was dropped");
}
