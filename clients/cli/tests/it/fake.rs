//! Servers that are not as they should be.

use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{net::TcpListener, runtime::Runtime};
use tokio_tungstenite::tungstenite::Message;

/// Answers the first frame of every socket with these bytes, then listens in silence.
pub(crate) struct FakeServer {
    _runtime: Runtime,
    pub(crate) address: SocketAddr,
}

impl FakeServer {
    pub(crate) fn start(answer: Vec<u8>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .expect("a port");
        let address = listener.local_addr().expect("an address");
        let serve = async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else {
                    continue;
                };
                let _ = socket.next().await;
                let _ = socket.send(Message::Binary(answer.clone().into())).await;
                while socket.next().await.is_some_and(|message| message.is_ok()) {}
            }
        };
        runtime.handle().clone().spawn(serve);
        Self {
            _runtime: runtime,
            address,
        }
    }

    /// `ServerFrame { request_id: 1, hello: { server_public_key, api_version: 9 } }`.
    pub(crate) fn of_another_version() -> Self {
        let mut hello = vec![0x12, 32];
        hello.extend([7; 32]);
        hello.extend([0x20, 9]);
        let length = u8::try_from(hello.len()).expect("short");
        Self::start([&[0x08, 1, 0x1a, length], hello.as_slice()].concat())
    }
}
