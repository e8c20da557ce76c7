//! Before login.

use std::{net::Ipv4Addr, time::Duration};

use futures_util::future::join_all;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, timeout},
};
use xchat_integration_tests::{
    House, Shape,
    frames::corpus,
    raw::{Device, Link},
};
use xchat_proto::{client::server_frame::Body as Tell, common::Reason};

use super::{Dice, Pair, others_are_served, resident};
use crate::{SERVER, house};

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_mutated_frames_of_strangers_kill_nothing() {
    let house = house(Shape::OneProcess);
    let corpus = corpus();
    let mut dice = Dice(0x5eed_0001);
    let mut link = Link::connect(house.public()).await;
    for _ in 0..1_000 {
        let mut bytes = corpus[dice.roll(corpus.len())].1.clone();
        dice.mutate(&mut bytes);
        if link.provoke(bytes).await.is_none() {
            link = Link::connect(house.public()).await;
        }
    }
    others_are_served(&house).await;
    assert!(!house.logs().contains("panicked"), "no panic is logged");
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_and_half_requests_on_the_port_end_without_harm() {
    let house = house(Shape::OneProcess);
    let mut dice = Dice(0x5eed_0002);
    for _ in 0..200 {
        let mut stream = TcpStream::connect(house.public()).await.unwrap();
        let garbage: Vec<u8> = (0..dice.roll(400)).map(|_| dice.byte()).collect();
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
    others_are_served(&house).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_who_says_nothing_or_drips_bytes_is_cut_off() {
    let settings = [("gateway__first_frame", "1s"), ("gateway__login", "2s")];
    let house = House::with(SERVER, Shape::OneProcess, &settings);
    let started = Instant::now();
    let mut silent = Link::connect(house.public()).await;
    let farewell = timeout(Duration::from_secs(30), silent.next()).await;
    let farewell = farewell.expect("a farewell").and_then(|frame| frame.body);
    let Some(Tell::Error(told)) = farewell else {
        panic!("not told why: {farewell:?}");
    };
    assert_eq!(told.reason(), Reason::Timeout);
    // A slow header: one byte at a time.
    let mut slow = TcpStream::connect(house.public()).await.unwrap();
    let mut cut = false;
    let header = b"GET /v1/ws HTTP/1.1\r\nhost: example.org\r\nx: ";
    for byte in header.iter().cycle().take(400) {
        if slow.write_all(&[*byte]).await.is_err() {
            cut = true;
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(cut, "still open after {:?}", started.elapsed());
    others_are_served(&house).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_fills_the_lobby_locks_out_only_itself() {
    let settings = [
        ("gateway__sockets_before_login", "32"),
        ("gateway__first_frame", "60s"),
    ];
    let house = House::with(SERVER, Shape::OneProcess, &settings);
    let elsewhere = Ipv4Addr::new(127, 0, 0, 2);
    let mut early = Link::connect_from(house.public(), elsewhere, None).await;
    let flood = (0..100).map(|_| Link::connect(house.public()));
    let flood = join_all(flood).await;
    // One that was there before, one that comes now, and even one from the same address.
    early.log_in(&Device::new(), true).await;
    let mut late = Link::connect_from(house.public(), elsewhere, None).await;
    late.log_in(&Device::new(), true).await;
    Link::open(house.public(), &Device::new(), true).await;
    drop(flood);
}

/// What a stranger may send: ten frames of 16 KiB, each with a header of 14 bytes.
const BUDGET: usize = 10 * (16 * 1_024 + 14);
const UPGRADE: &[u8] = b"GET /v1/ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\n\
    upgrade: websocket\r\nsec-websocket-version: 13\r\n\
    sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Begins a frame of 500 KiB and sends so many bytes of it.
async fn half_frame(house: &House, bytes: usize) -> TcpStream {
    let mut stream = TcpStream::connect(house.public()).await.unwrap();
    stream.write_all(UPGRADE).await.unwrap();
    let mut answer = [0; 256];
    let read = stream.read(&mut answer).await.unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 101 "));
    let mut frame = vec![0x82, 0xff, 0, 0, 0, 0, 0, 7, 0xd0, 0, 1, 2, 3, 4];
    frame.resize(bytes, 9);
    // One that goes beyond its budget may be cut off while it writes.
    let _ = stream.write_all(&frame).await;
    stream
}

async fn is_cut(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    let read = timeout(Duration::from_secs(30), stream.read_to_end(&mut rest)).await;
    read.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_stalled_strangers_cost_their_budgets_and_slow_nobody() {
    let settings = [("gateway__first_frame", "120s"), ("gateway__login", "120s")];
    let house = House::with(SERVER, Shape::OneProcess, &settings);
    let mut pair = Pair::register(&house).await;
    let before = resident(&house);
    let mut stalled = Vec::new();
    for _ in 0..20 {
        let within = (0..50).map(|_| half_frame(&house, BUDGET - 1));
        stalled.extend(join_all(within).await);
    }
    let beyond = (0..20).map(|_| half_frame(&house, 2 * BUDGET));
    for mut stream in join_all(beyond).await {
        assert!(is_cut(&mut stream).await, "beyond its budget, and open");
    }
    let started = Instant::now();
    pair.talk().await;
    assert!(started.elapsed() < Duration::from_secs(20));
    let grown = resident(&house).saturating_sub(before);
    let budgets = u64::try_from(1_000 * BUDGET / 1_024).unwrap();
    assert!(
        grown > budgets / 2,
        "only {grown} KiB: were the thousand really there?"
    );
    assert!(
        grown < budgets * 5 / 4,
        "{grown} KiB, their budgets are {budgets} KiB"
    );
    for stream in &stalled {
        let open = stream.try_read(&mut [0; 16]);
        let waits = open.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        assert!(waits, "a stalled stranger was cut off too early");
    }
}
