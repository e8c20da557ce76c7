//! After login: readers that have stopped (I18).

use std::{net::Ipv4Addr, time::Duration};

use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;
use xchat_integration_tests::{
    House, Shape,
    raw::{Device, Link, Room},
};
use xchat_proto::client::{
    DeliveredRecord, client_frame::Body as Ask, delivered_record::Content,
    server_frame::Body as Tell,
};

use super::{Pair, resident};
use crate::SERVER;

/// Near the largest of an application envelope.
const BYTES: usize = 60 * 1_024;
/// Pairs that meet at once.
const AT_ONCE: usize = 4;

/// How many stop reading, each in a room of its own, and what is pushed to each. In a room of many
/// all mailboxes would share one copy.
struct Stall {
    readers: usize,
    messages: usize,
    mailbox_kib: usize,
}

/// A reader whose socket takes little, and a writer who still reads.
struct Duo {
    writer: Device,
    link: Link,
    room: Room,
    reader: Vec<(Device, Link)>,
}

impl Duo {
    async fn meet(server: &str) -> Self {
        let device = Device::new();
        let mut far = Link::connect_from(server, Ipv4Addr::LOCALHOST, Some(4_096)).await;
        far.log_in(&device, true).await;
        let mut reader = vec![(device, far)];
        let writer = Device::new();
        let mut link = Link::open(server, &writer, true).await;
        let room = Room::of(&writer, &mut link, &mut reader).await;
        Self {
            writer,
            link,
            room,
            reader,
        }
    }

    async fn write(&mut self, plaintext: &[u8]) {
        let envelope = self.room.envelope(&self.writer, plaintext);
        self.link.ask(Ask::Submit(envelope)).await;
    }

    /// Messages that the reader gets once it reads again, before it is told of those that were
    /// dropped. Fails where it is never told.
    async fn kept(&mut self) -> usize {
        let mut read = 0;
        for (_, reader) in &mut self.reader {
            let counted = |push| match push {
                Tell::DeliverPush(push) => {
                    read += push
                        .records
                        .iter()
                        .filter(|record| is_large(record))
                        .count();
                    None
                }
                Tell::ResyncPush(_) => Some(()),
                _ => None,
            };
            reader.pushed(counted).await;
        }
        read
    }
}

fn is_large(record: &DeliveredRecord) -> bool {
    matches!(&record.content, Some(Content::Payload(payload)) if payload.len() >= BYTES)
}

impl Stall {
    #[allow(clippy::print_stdout, reason = "a test's report")]
    async fn run(&self) {
        let mailbox = format!("{} KiB", self.mailbox_kib);
        let settings = [
            // The bytes of the mailbox are to be the limit, not the window.
            ("gateway__unacknowledged", "4096"),
            ("gateway__mailbox_bytes", mailbox.as_str()),
            ("gateway__write_timeout", "30m"),
            // Nor do those answer pings who wait for their turn to write.
            ("gateway__idle", "30m"),
        ];
        let house = House::with(SERVER, Shape::OneProcess, &settings);
        let mut pair = Pair::register(&house).await;
        let mut duos: Vec<_> = stream::iter(0..self.readers)
            .map(|_| Duo::meet(house.public()))
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let quiet = talks(&mut pair, TALKS).await;
        let before = resident(&house);
        let plaintext = vec![0x78; BYTES];
        let mut stalled = Vec::new();
        // From here on no reader reads.
        for number in 0..self.messages {
            for duo in &mut duos {
                duo.write(&plaintext).await;
            }
            if number % (self.messages / TALKS) == 0 {
                stalled.extend(talks(&mut pair, 1).await);
            }
        }
        let grown = resident(&house).saturating_sub(before) / 1_024;
        let pushed = self.readers * self.messages * BYTES / 1_024 / 1_024;
        // What waits, and what is being written.
        let bound = 2 * self.readers * self.mailbox_kib / 1_024;
        let [quiet, stalled] = [quiet, stalled].map(|times| times.into_iter().max().unwrap());
        println!(
            "{} stopped readers, {pushed} MiB pushed to them: {grown} MiB kept of {bound} MiB that \
             mailboxes may hold; others waited at most {quiet:?} before and {stalled:?} while",
            self.readers
        );
        assert!(stalled < PATIENCE, "others waited {stalled:?}");
        let bound = u64::try_from(bound).unwrap() + SPARE_MIB;
        assert!(
            grown < bound,
            "{grown} MiB for {} stopped readers",
            self.readers
        );
        for duo in &mut duos {
            assert!(duo.kept().await < self.messages, "nothing was dropped");
        }
    }
}

/// How long others take for a message and its answer.
async fn talks(pair: &mut Pair, times: usize) -> Vec<Duration> {
    let mut took = Vec::new();
    for _ in 0..times {
        let started = Instant::now();
        pair.talk().await;
        took.push(started.elapsed());
    }
    took
}

/// For two texts and their way there and back; a machine may have other work.
const PATIENCE: Duration = Duration::from_secs(15);
const TALKS: usize = 10;
/// What stores, caches and the allocator may take beside mailboxes.
const SPARE_MIB: u64 = 96;

#[tokio::test(flavor = "multi_thread")]
async fn readers_that_have_stopped_cost_bounded_memory_and_slow_nobody() {
    let stall = Stall {
        readers: 32,
        messages: 100,
        mailbox_kib: 256,
    };
    stall.run().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: make test-faults"]
async fn a_thousand_readers_that_have_stopped_cost_bounded_memory_and_slow_nobody() {
    let stall = Stall {
        readers: 1_000,
        messages: 20,
        mailbox_kib: 128,
    };
    stall.run().await;
}
