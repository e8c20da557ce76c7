//! What goes over a connection on which nothing is asked.

use std::{cell::Cell, io, time::Duration};

use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    time::sleep,
};

use super::*;

const PREFACE: usize = 24;
const HEAD: usize = 9;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const ACK: u8 = 1;

/// The other end of HTTP/2: says what it must, and counts pings.
async fn count_pings(mut stream: DuplexStream, pings: &Cell<u32>) -> io::Result<()> {
    stream.read_exact(&mut [0; PREFACE]).await?;
    stream
        .write_all(&[0, 0, 0, SETTINGS, 0, 0, 0, 0, 0])
        .await?;
    loop {
        let mut head = [0; HEAD];
        stream.read_exact(&mut head).await?;
        let [a, b, c, kind, flags, ..] = head;
        let length = u32::from_be_bytes([0, a, b, c]);
        let mut body = vec![0; length as usize];
        stream.read_exact(&mut body).await?;
        if flags & ACK != 0 || !matches!(kind, SETTINGS | PING) {
            continue;
        }
        if kind == PING {
            pings.set(pings.get() + 1);
        } else {
            body.clear();
        }
        let length = u8::try_from(body.len()).unwrap();
        stream
            .write_all(&[0, 0, length, kind, ACK, 0, 0, 0, 0])
            .await?;
        stream.write_all(&body).await?;
    }
}

/// In a minute in which nothing is asked.
async fn pings_of(endpoint: Endpoint) -> u32 {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let mut ours = Some(TokioIo::new(ours));
    let connector = tower::service_fn(move |_| {
        let ours = ours.take().ok_or(io::ErrorKind::NotConnected);
        async move { ours.map_err(io::Error::from) }
    });
    let pings = Cell::new(0);
    let idle = async {
        let channel = endpoint.connect_with_connector(connector).await.unwrap();
        sleep(Duration::from_mins(1)).await;
        drop(channel);
    };
    tokio::select! {
        () = idle => {}
        ended = count_pings(theirs, &pings) => panic!("{ended:?}"),
    }
    pings.get()
}

#[tokio::test(start_paused = true)]
async fn a_service_of_ours_is_pinged_while_nothing_is_asked_and_one_of_others_is_not() {
    let endpoint = || limits(Endpoint::from_static("http://service"));
    assert!(pings_of(endpoint()).await > 5);
    assert_eq!(pings_of(quiet(endpoint())).await, 0);
}
