//! What arrives at the gateway cannot hurt it.

use std::time::Duration;

use crate::{SERVER, house};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};
use xchat_integration_tests::{House, Person, Shape, frames::corpus};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn socket(house: &House) -> Socket {
    let address = format!("ws://{}/v1/ws", house.public());
    tokio_tungstenite::connect_async(address)
        .await
        .expect("a socket")
        .0
}

/// Whether people are still served: two talk.
async fn others_are_served(house: &House, tag: &str) {
    let mut alice = Person::register(&house.server(), &format!("alice{tag}")).await;
    let mut bob = Person::register(&house.server(), &format!("bob{tag}")).await;
    let ticket = alice.send(&bob, "still here?").await;
    alice.sent(ticket).await;
    bob.received("still here?").await;
}

/// Deterministic, so that a failing run can be run again: xorshift64*.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % sides
    }
}

#[test]
fn the_committed_corpus_is_one_valid_frame_of_each_kind() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/frames");
    for (name, bytes) in corpus() {
        let path = format!("{folder}/{name}.bin");
        let committed = std::fs::read(&path).unwrap_or_default();
        assert_eq!(
            committed, bytes,
            "{path} differs: write it anew if the format has changed"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_mutated_frames_kill_nothing() {
    let house = house(Shape::OneProcess);
    let corpus = corpus();
    let mut dice = Dice(0x5eed_0001);
    let mut open = socket(&house).await;
    for _ in 0..10_000 {
        let mut bytes = corpus[dice.roll(corpus.len())].1.clone();
        for _ in 0..=dice.roll(4) {
            let at = dice.roll(bytes.len().max(1));
            match dice.roll(4) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, u8::try_from(dice.roll(256)).unwrap()),
                _ if !bytes.is_empty() => {
                    let at = at % bytes.len();
                    bytes[at] ^= u8::try_from(1 << dice.roll(8)).unwrap();
                }
                _ => bytes.push(0xff),
            }
        }
        if open.send(Message::Binary(bytes.into())).await.is_err() {
            open = socket(&house).await;
        }
    }
    others_are_served(&house, "m").await;
    assert!(!house.logs().contains("panicked"), "no panic is logged");
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_and_half_requests_on_the_port_end_without_harm() {
    let house = house(Shape::OneProcess);
    let mut dice = Dice(0x5eed_0002);
    for _ in 0..200 {
        let mut stream = TcpStream::connect(house.public()).await.unwrap();
        let garbage: Vec<u8> = (0..dice.roll(400))
            .map(|_| u8::try_from(dice.roll(256)).unwrap())
            .collect();
        let _ = stream.write_all(&garbage).await;
    }
    let mut stream = TcpStream::connect(house.public()).await.unwrap();
    stream
        .write_all(b"GET /v1/ws HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = vec![0; 1_024];
    let read = stream.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
    assert!(answer.contains("this address speaks WebSocket"), "{answer}");
    others_are_served(&house, "g").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_who_says_nothing_or_drips_bytes_is_cut_off() {
    let settings = [("gateway__first_frame", "1s"), ("gateway__login", "2s")];
    let house = House::with(SERVER, Shape::OneProcess, &settings);
    let started = Instant::now();
    let mut silent = socket(&house).await;
    let farewell = timeout(Duration::from_secs(30), silent.next())
        .await
        .expect("a farewell");
    assert!(
        matches!(farewell, Some(Ok(Message::Binary(_)))),
        "told why: {farewell:?}"
    );
    // A slow header: one byte at a time.
    let mut slow = TcpStream::connect(house.public()).await.unwrap();
    let mut cut = false;
    for byte in b"GET /v1/ws HTTP/1.1\r\nhost: example.org\r\nx: "
        .iter()
        .cycle()
        .take(400)
    {
        if slow.write_all(&[*byte]).await.is_err() {
            cut = true;
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(cut, "still open after {:?}", started.elapsed());
    others_are_served(&house, "s").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_stalled_sockets_cost_bounded_memory_and_slow_nobody() {
    let house = house(Shape::OneProcess);
    let before = resident(&house);
    let mut stalled = Vec::new();
    for _ in 0..1_000 {
        // Headers of a frame of 500 KiB, a part of it, and then silence: more than a stranger has.
        let mut stream = TcpStream::connect(house.public()).await.unwrap();
        let upgrade = "GET /v1/ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\n\
            upgrade: websocket\r\nsec-websocket-version: 13\r\n\
            sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        stream.write_all(upgrade.as_bytes()).await.unwrap();
        let mut answer = [0; 256];
        let read = stream.read(&mut answer).await.unwrap();
        assert!(answer[..read].starts_with(b"HTTP/1.1 101 "));
        let mut frame = vec![0x82, 0xff, 0, 0, 0, 0, 0, 7, 0xd0, 0, 1, 2, 3, 4];
        frame.resize(20_000, 9);
        let _ = timeout(Duration::from_millis(200), stream.write_all(&frame)).await;
        stalled.push(stream);
    }
    let started = Instant::now();
    others_are_served(&house, "t").await;
    assert!(started.elapsed() < Duration::from_mins(1));
    let grown = resident(&house).saturating_sub(before);
    // A stranger's budget is 160 KiB, of which these have sent 20 KiB each.
    assert!(grown < 160 * 1_024, "{grown} KiB for 1,000 stalled sockets");
    drop(stalled);
}

/// Resident memory of all processes in KiB.
fn resident(house: &House) -> u64 {
    let rss = |pid: u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap()
            .to_owned();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    house.pids().into_iter().map(rss).sum()
}
