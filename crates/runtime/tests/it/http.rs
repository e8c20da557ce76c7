//! The public listener against slow, plain and encrypted peers.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{Extension, Router, routing::get};
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsConnector;
use xchat_runtime::{
    Mistakes, Section, Tasks,
    http::{PeerAddress, PublicConfig, TlsFiles, load_tls, serve_http},
};

fn router() -> Router {
    Router::new().route(
        "/peer",
        get(|Extension(peer): Extension<PeerAddress>| async move { peer.0.ip().to_string() }),
    )
}

async fn listen(tls: Option<Arc<rustls::ServerConfig>>, tasks: &Tasks) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    serve_http(listener, router(), tls, tasks);
    address
}

const REQUEST: &[u8] = b"GET /peer HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

async fn ask<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) -> String {
    stream.write_all(REQUEST).await.unwrap();
    let mut answer = Vec::new();
    // A TLS peer may close without a farewell: what matters is the answer.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_request_is_answered_and_knows_its_peer() {
    let tasks = Tasks::new();
    let address = listen(None, &tasks).await;
    let answer = ask(TcpStream::connect(address).await.unwrap()).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("127.0.0.1"),
        "{answer}"
    );
    assert!(tasks.stop(Duration::from_secs(5)).await);
}

/// Real time, because real sockets: the limit is five seconds.
#[tokio::test]
async fn a_peer_that_does_not_finish_its_headers_is_closed_and_others_are_served() {
    let tasks = Tasks::new();
    let address = listen(None, &tasks).await;
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(b"GET /peer HTTP/1.1\r\nho").await.unwrap();
    let mut silent = TcpStream::connect(address).await.unwrap();
    let answer = ask(TcpStream::connect(address).await.unwrap()).await;
    assert!(answer.starts_with("HTTP/1.1 200"));
    let mut rest = Vec::new();
    let closed = async {
        let _ = slow.read_to_end(&mut rest).await;
        let _ = silent.read_to_end(&mut rest).await;
    };
    let limit = Duration::from_secs(9);
    assert!(tokio::time::timeout(limit, closed).await.is_ok());
    assert!(tasks.stop(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn headers_above_the_limit_are_refused() {
    let tasks = Tasks::new();
    let address = listen(None, &tasks).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let large = format!(
        "GET /peer HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n",
        "y".repeat(20_000)
    );
    let _ = stream.write_all(large.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
    assert!(tasks.stop(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn a_peer_that_speaks_tls_gets_it_and_a_plain_one_gets_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = TlsFiles {
        cert_file: Some(dir.path().join("cert.pem")),
        key_file: Some(dir.path().join("key.pem")),
    };
    std::fs::write(files.cert_file.as_ref().unwrap(), made.cert.pem()).unwrap();
    std::fs::write(
        files.key_file.as_ref().unwrap(),
        made.signing_key.serialize_pem(),
    )
    .unwrap();
    let tasks = Tasks::new();
    let address = listen(load_tls(&files).unwrap(), &tasks).await;

    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(client))
        .connect(name, stream)
        .await
        .unwrap();
    let version = stream.get_ref().1.protocol_version();
    assert_eq!(version, Some(rustls::ProtocolVersion::TLSv1_3));
    assert!(ask(stream).await.ends_with("127.0.0.1"));
    let plain = ask(TcpStream::connect(address).await.unwrap()).await;
    assert!(!plain.contains("200"), "{plain}");
    assert!(tasks.stop(Duration::from_secs(5)).await);
}

#[test]
fn a_key_that_does_not_fit_or_is_not_there_is_an_error_that_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| Some(dir.path().join(name));
    let made = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
    let other = rcgen::KeyPair::generate().unwrap();
    std::fs::write(dir.path().join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(dir.path().join("other.pem"), other.serialize_pem()).unwrap();
    let try_key = |name| {
        load_tls(&TlsFiles {
            cert_file: path("cert.pem"),
            key_file: path(name),
        })
        .unwrap_err()
        .to_string()
    };
    assert!(try_key("none.pem").contains("none.pem holds no readable private key"));
    assert!(try_key("cert.pem").contains("cert.pem holds no readable private key"));
    assert!(try_key("other.pem").contains("don't fit"));
}

fn check(listen: &str, behind_proxy: bool, tls: TlsFiles) -> Vec<String> {
    let config = PublicConfig {
        listen: listen.parse().unwrap(),
        behind_proxy,
        tls,
    };
    let mut mistakes = Mistakes::default();
    config.check(&mut mistakes);
    mistakes.as_slice().iter().map(|m| m.key.clone()).collect()
}

#[test]
fn plain_connections_from_elsewhere_need_tls_or_a_proxy() {
    let none = TlsFiles::default;
    let half = TlsFiles {
        cert_file: Some("c.pem".into()),
        key_file: None,
    };
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        Some(path)
    };
    let made = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
    let other = rcgen::KeyPair::generate().unwrap();
    let both = TlsFiles {
        cert_file: file("cert.pem", made.cert.pem()),
        key_file: file("key.pem", made.signing_key.serialize_pem()),
    };
    let mixed = TlsFiles {
        key_file: file("other.pem", other.serialize_pem()),
        ..both.clone()
    };
    let absent = TlsFiles {
        cert_file: Some(dir.path().join("c.pem")),
        key_file: Some(dir.path().join("k.pem")),
    };
    assert!(check("127.0.0.1:8420", false, none()).is_empty());
    assert!(check("[::1]:8420", false, none()).is_empty());
    assert_eq!(check("0.0.0.0:8420", false, none()), ["listen"]);
    assert_eq!(check("[::]:8420", false, none()), ["listen"]);
    assert!(check("0.0.0.0:8420", true, none()).is_empty());
    assert!(check("0.0.0.0:8420", false, both).is_empty());
    assert_eq!(check("127.0.0.1:8420", false, half), ["tls.key_file"]);
    assert_eq!(check("127.0.0.1:8420", false, mixed), ["tls.key_file"]);
    assert_eq!(
        check("127.0.0.1:8420", false, absent),
        ["tls.cert_file", "tls.key_file"]
    );
}
