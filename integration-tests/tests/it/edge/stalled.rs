//! After login: readers that have stopped (I18).

use std::{net::Ipv4Addr, time::Duration};

use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;
use xchat_integration_tests::{
    House, Shape,
    raw::{Device, Link, Room},
};
use xchat_proto::client::{client_frame::Body as Ask, server_frame::Body as Tell};

use super::{Pair, resident};
use crate::SERVER;

/// Near the largest of an application envelope.
const BYTES: usize = 60 * 1_024;
/// Rooms that are filled at once.
const AT_ONCE: usize = 4;

/// How many stop reading, and what is pushed to them.
struct Stall {
    rooms: usize,
    readers: usize,
    messages: usize,
    mailbox_kib: usize,
}

/// A room of readers whose sockets take little, with a writer who still reads.
struct Hall {
    writer: Device,
    link: Link,
    room: Room,
    readers: Vec<(Device, Link)>,
}

impl Hall {
    async fn open(server: &str, readers: usize) -> Self {
        let mut seats = Vec::new();
        for _ in 0..readers {
            let device = Device::new();
            let mut link = Link::connect_from(server, Ipv4Addr::LOCALHOST, Some(4_096)).await;
            link.log_in(&device, true).await;
            seats.push((device, link));
        }
        let writer = Device::new();
        let mut link = Link::open(server, &writer, true).await;
        let room = Room::of(&writer, &mut link, &mut seats).await;
        Self {
            writer,
            link,
            room,
            readers: seats,
        }
    }

    async fn write(&mut self, plaintext: &[u8]) {
        let envelope = self.room.envelope(&self.writer, plaintext);
        self.link.ask(Ask::Submit(envelope)).await;
    }

    /// They really had stopped: what did not fit was dropped, and is made good by a resync.
    async fn was_cut_short(&mut self, messages: usize) {
        let (_, reader) = self.readers.first_mut().unwrap();
        let mut read = 0;
        reader
            .pushed(|push| {
                read += usize::from(matches!(push, Tell::DeliverPush(_)));
                matches!(push, Tell::ResyncPush(_)).then_some(())
            })
            .await;
        assert!(read < messages, "nothing was dropped");
    }
}

impl Stall {
    async fn halls(&self, house: &House) -> Vec<Hall> {
        stream::iter(0..self.rooms)
            .map(|_| Hall::open(house.public(), self.readers))
            .buffer_unordered(AT_ONCE)
            .collect()
            .await
    }

    #[allow(clippy::print_stdout, reason = "a test's report")]
    async fn run(&self) {
        let mailbox = format!("{} KiB", self.mailbox_kib);
        let settings = [
            // The bytes of the mailbox are to be the limit, not the window.
            ("gateway__unacknowledged", "4096"),
            ("gateway__mailbox_bytes", mailbox.as_str()),
            ("gateway__write_timeout", "10m"),
        ];
        let house = House::with(SERVER, Shape::OneProcess, &settings);
        let mut pair = Pair::register(&house).await;
        let mut halls = self.halls(&house).await;
        let mut quiet = Vec::new();
        for _ in 0..self.messages {
            let started = Instant::now();
            pair.talk().await;
            quiet.push(started.elapsed());
        }
        let before = resident(&house);
        let mut stalled = Vec::new();
        let plaintext = vec![0x78; BYTES];
        // From here on no reader reads.
        for _ in 0..self.messages {
            for hall in &mut halls {
                hall.write(&plaintext).await;
            }
            let started = Instant::now();
            pair.talk().await;
            stalled.push(started.elapsed());
        }
        let grown = resident(&house).saturating_sub(before) / 1_024;
        let readers = self.rooms * self.readers;
        let pushed = readers * self.messages * BYTES / 1_024 / 1_024;
        let bound = readers * self.mailbox_kib / 1_024;
        quiet.sort();
        stalled.sort();
        let [quietest, slowest] = [&quiet, &stalled].map(|times| times[times.len() * 99 / 100]);
        println!(
            "{readers} stopped readers, {pushed} MiB pushed to them: {grown} MiB kept, mailboxes \
             hold {bound} MiB; others' p99 {quietest:?} before, {slowest:?} while"
        );
        assert!(slowest < PATIENCE, "others waited {slowest:?}");
        let bound = u64::try_from(bound).unwrap() + SPARE_MIB;
        assert!(grown < bound, "{grown} MiB for {readers} stopped readers");
        for hall in &mut halls {
            hall.was_cut_short(self.messages).await;
        }
    }
}

/// For two texts and their way there and back; a machine may have other work.
const PATIENCE: Duration = Duration::from_secs(15);
/// What stores, caches and the allocator may take beside mailboxes.
const SPARE_MIB: u64 = 112;

#[tokio::test(flavor = "multi_thread")]
async fn readers_that_have_stopped_cost_bounded_memory_and_slow_nobody() {
    let stall = Stall {
        rooms: 1,
        readers: 32,
        messages: 160,
        mailbox_kib: 512,
    };
    stall.run().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: make test-faults"]
async fn a_thousand_readers_that_have_stopped_cost_bounded_memory_and_slow_nobody() {
    let stall = Stall {
        rooms: 40,
        readers: 25,
        messages: 40,
        mailbox_kib: 256,
    };
    stall.run().await;
}
