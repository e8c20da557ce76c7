//! All roles in one process, and each in its own.

use std::{collections::BTreeSet, net::SocketAddr, path::Path, sync::Arc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use xchat_backends::Backends;
use xchat_runtime::{
    ambient::{SystemClock, SystemRng},
    channel::{Address, Addresses},
};
use xchat_server::{Config, Ended, Exit, ListenConfig, Role, Server};

use crate::process::Ready;

/// Every port is a free one.
fn config(data_dir: &Path) -> Config {
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut config = Config {
        data_dir: Some(data_dir.to_owned()),
        ..Config::default()
    };
    config.public.listen = free;
    config.listen = ListenConfig {
        identity: free,
        fanout: free,
        presence: free,
        gateway: free,
    };
    config
}

/// What a stranger may know of the server; identity tells it to gateway.
async fn well_known(server: &Server) -> String {
    get(server.public_address().unwrap(), "/.well-known/xchat").await
}

async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer
}

fn server_id(answer: &str) -> &str {
    let from = answer.split_once("\"server_id\":\"").unwrap().1;
    from.split_once('"').unwrap().0
}

#[tokio::test]
async fn all_roles_in_one_process_open_one_port() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(config(dir.path()), &Role::ALL).await.unwrap();
    assert_eq!(Role::ALL.map(|role| server.grpc_address(role)), [None; 4]);
    assert_eq!(server_id(&well_known(&server).await).len(), 64);
    assert_eq!(server.stop().await.unwrap(), Ended::Cleanly);
}

#[tokio::test]
async fn a_stopped_and_a_killed_server_start_again_in_the_same_process_as_the_same_installation() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    let mut ids = BTreeSet::new();
    for round in 0..4 {
        let server = Server::start(config.clone(), &Role::ALL).await.unwrap();
        config.public.listen = server.public_address().unwrap();
        ids.insert(server_id(&well_known(&server).await).to_owned());
        if round % 2 == 0 {
            server.kill().await;
        } else {
            assert_eq!(server.stop().await.unwrap(), Ended::Cleanly);
        }
    }
    assert_eq!(ids.len(), 1);
}

async fn start(config: &Config, role: Role) -> Server {
    Server::start(config.clone(), &[role]).await.unwrap()
}

#[tokio::test]
async fn each_role_in_its_own_server_over_tcp() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    let at = |server: &Server, role| {
        Addresses::from(Address::of(server.grpc_address(role).unwrap(), false))
    };
    let presence = start(&config, Role::Presence).await;
    config.peers.presence = at(&presence, Role::Presence);
    let identity = start(&config, Role::Identity).await;
    config.peers.identity = at(&identity, Role::Identity);
    let fanout = start(&config, Role::Fanout).await;
    config.peers.fanout = at(&fanout, Role::Fanout);
    let gateway = start(&config, Role::Gateway).await;
    assert!(gateway.grpc_address(Role::Gateway).is_some());
    assert_eq!(server_id(&well_known(&gateway).await).len(), 64);
    for server in [gateway, fanout, identity, presence] {
        assert_eq!(server.stop().await.unwrap(), Ended::Cleanly);
    }
}

#[test]
fn a_process_of_some_roles_tells_their_addresses() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("xchat.toml");
    std::fs::write(
        &file,
        "[listen]\nidentity = '127.0.0.1:0'\npresence = '127.0.0.1:0'\n",
    )
    .unwrap();
    let arguments = ["identity", "presence", "--config", file.to_str().unwrap()];
    let ready = Ready::start(dir.path(), &arguments);
    let words: Vec<&str> = ready.line.split_whitespace().collect();
    assert_eq!(
        [words[0], words[1], words[3]],
        ["ready:", "presence", "identity"]
    );
    for address in [words[2], words[4]] {
        assert!(address.parse::<Address>().is_ok(), "{address}");
    }
}

#[tokio::test]
async fn a_second_server_on_the_same_data_is_refused_and_harms_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let first = Server::start(config(dir.path()), &Role::ALL).await.unwrap();
    let refused = Server::start(config(dir.path()), &Role::ALL)
        .await
        .unwrap_err();
    assert_eq!((refused.reason, refused.exit), ("data_locked", Exit::InUse));
    assert_eq!(server_id(&well_known(&first).await).len(), 64);
    assert_eq!(first.stop().await.unwrap(), Ended::Cleanly);
}

#[tokio::test]
async fn garbage_and_half_requests_on_the_public_port_harm_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(config(dir.path()), &Role::ALL).await.unwrap();
    let address = server.public_address().unwrap();
    let mut half = TcpStream::connect(address).await.unwrap();
    half.write_all(b"GET /v1/ws HTTP/1.1\r\nupgr")
        .await
        .unwrap();
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00"[..],
        &vec![0xff; 40_000],
        b"PRI * HTTP/2.0\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let _ = stream.write_all(garbage).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{answer}"
        );
    }
    assert_eq!(server_id(&well_known(&server).await).len(), 64);
    drop(half);
    assert_eq!(server.stop().await.unwrap(), Ended::Cleanly);
}

/// In the same instant, without giving any other task a turn.
async fn stores_are_free(config: &Config) -> bool {
    let data_dir = config.data_dir.as_deref().unwrap();
    let (clock, rng) = (Arc::new(SystemClock), Arc::new(SystemRng));
    let mut backends = Backends::new(&config.backends, data_dir, clock, rng);
    backends.directory().await.is_ok() && backends.envelopes().await.is_ok()
}

#[tokio::test]
async fn stores_are_free_when_a_stop_or_a_kill_returns() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    let server = Server::start(config.clone(), &Role::ALL).await.unwrap();
    well_known(&server).await;
    server.kill().await;
    assert!(stores_are_free(&config).await, "after a kill");
    let server = Server::start(config.clone(), &Role::ALL).await.unwrap();
    well_known(&server).await;
    assert_eq!(server.stop().await.unwrap(), Ended::Cleanly);
    assert!(stores_are_free(&config).await, "after a stop");
}
