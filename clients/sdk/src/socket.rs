//! The WebSocket to the server: binary frames in and out, kept warm, given up when silent.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    net::TcpStream,
    time::{Instant, Interval, MissedTickBehavior},
};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream,
    tungstenite::{self, Message, protocol::WebSocketConfig},
};
use xchat_types::limits;

use crate::profile::Server;

const CONNECT: Duration = Duration::from_secs(10);
const HEARTBEAT: Duration = Duration::from_secs(25);
/// Nothing heard for so long: the other end is gone.
const SILENCE: Duration = Duration::from_secs(75);

/// An open socket.
pub(crate) struct Socket {
    stream: Box<WebSocketStream<MaybeTlsStream<TcpStream>>>,
    heartbeat: Interval,
    heard: Instant,
}

impl Socket {
    pub(crate) async fn connect(server: &Server) -> io::Result<Self> {
        let config = WebSocketConfig::default()
            .max_message_size(Some(2 * limits::MAX_FRAME))
            .max_frame_size(Some(2 * limits::MAX_FRAME));
        let address = server.socket();
        let connect = tokio_tungstenite::connect_async_tls_with_config(
            &address,
            Some(config),
            true,
            Some(connector(server)?),
        );
        let (stream, _) = tokio::time::timeout(CONNECT, connect)
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
            .map_err(as_io)?;
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        heartbeat.reset();
        Ok(Self {
            stream: Box::new(stream),
            heartbeat,
            heard: Instant::now(),
        })
    }

    /// The next frame; `None` when the socket is gone. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        loop {
            tokio::select! {
                message = self.stream.next() => match message {
                    Some(Ok(message)) => {
                        self.heard = Instant::now();
                        match message {
                            Message::Binary(bytes) => return Some(bytes),
                            Message::Close(_) => return None,
                            Message::Text(_)
                            | Message::Ping(_)
                            | Message::Pong(_)
                            | Message::Frame(_) => {}
                        }
                    }
                    Some(Err(_)) | None => return None,
                },
                _ = self.heartbeat.tick() => {
                    if self.heard.elapsed() > SILENCE
                        || self.stream.send(Message::Ping(Bytes::new())).await.is_err()
                    {
                        return None;
                    }
                }
            }
        }
    }

    /// Hands frames to the operating system with one flush; `false` when the socket is gone.
    pub(crate) async fn send(&mut self, frames: Vec<Bytes>) -> bool {
        let write = async {
            for frame in frames {
                self.stream.feed(Message::Binary(frame)).await?;
            }
            self.stream.flush().await
        };
        matches!(tokio::time::timeout(SILENCE, write).await, Ok(Ok(())))
    }

    pub(crate) async fn close(mut self) {
        let close = self.stream.send(Message::Close(None));
        let _ = tokio::time::timeout(Duration::from_secs(1), close).await;
    }
}

fn connector(server: &Server) -> io::Result<Connector> {
    if server.as_str().starts_with("ws://") {
        return Ok(Connector::Plain);
    }
    let roots: rustls::RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Connector::Rustls(Arc::new(config)))
}

fn as_io(error: tungstenite::Error) -> io::Error {
    if let tungstenite::Error::Io(error) = error {
        return error;
    }
    io::Error::other(error)
}
