//! A device's socket: frames over a WebSocket, and nothing that stores or decides.

use std::{
    collections::VecDeque,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite};
use xchat_proto::{
    API_VERSION, Message as _,
    client::{
        self, ClientFrame, ServerFrame, client_frame::Body as Ask, server_frame::Body as Tell,
    },
    common::Reason,
    convert,
};

use super::Device;

/// A server that says nothing for so long has lost something.
const SILENCE: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub struct Link {
    stream: WebSocketStream<TcpStream>,
    request_id: u64,
    /// What was pushed while an answer was awaited.
    pub pushes: VecDeque<Tell>,
}

impl Link {
    /// A socket on which nothing was said yet.
    pub async fn connect(server: &str) -> Self {
        Self::connect_from(server, Ipv4Addr::LOCALHOST, None).await
    }

    /// From another loopback address, or with a receive buffer of so many bytes.
    pub async fn connect_from(server: &str, from: Ipv4Addr, buffer: Option<u32>) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        if let Some(bytes) = buffer {
            socket
                .set_recv_buffer_size(bytes)
                .expect("a smaller buffer");
        }
        socket
            .bind(SocketAddr::new(IpAddr::V4(from), 0))
            .expect("a loopback address");
        let server: SocketAddr = server.parse().expect("host and port");
        let stream = socket.connect(server).await.expect("a connection");
        let _ = stream.set_nodelay(true);
        let url = format!("ws://{server}/v1/ws");
        let (stream, _) = client_async(url, stream).await.expect("a WebSocket");
        Self {
            stream,
            request_id: 0,
            pushes: VecDeque::new(),
        }
    }

    /// Connects and logs in; `new` signs up first.
    pub async fn open(server: &str, device: &Device, new: bool) -> Self {
        let mut link = Self::connect(server).await;
        link.log_in(device, new).await;
        link
    }

    /// From Hello to Resume.
    pub async fn log_in(&mut self, device: &Device, new: bool) {
        let hello = self.hello().await;
        let server = convert::id(&hello.server_id, "server_id").expect("a server id");
        let Tell::Challenge(challenge) =
            self.ask(Ask::Challenge(client::ChallengeRequest {})).await
        else {
            panic!("no challenge");
        };
        if new {
            let register = device.register(&challenge.signup_challenge);
            self.ask(Ask::Register(register)).await;
        }
        let login = device.login(server, &challenge.login_nonce);
        self.ask(Ask::Login(login)).await;
        self.resume().await;
    }

    pub async fn hello(&mut self) -> client::HelloResponse {
        let hello = Ask::Hello(client::HelloRequest {
            api_version: API_VERSION,
            client: "tests".to_owned(),
        });
        let Tell::Hello(hello) = self.ask(hello).await else {
            panic!("no Hello");
        };
        hello
    }

    pub async fn resume(&mut self) -> client::ResumeResponse {
        let Tell::Resume(response) = self.ask(Ask::Resume(client::ResumeRequest {})).await else {
            panic!("no marks");
        };
        response
    }

    /// Sends a request and returns its answer, which must not be an error.
    pub async fn ask(&mut self, body: Ask) -> Tell {
        let id = self.send(body).await;
        loop {
            let frame = self.next().await.expect("an open socket");
            match (frame.request_id, frame.body.expect("a body")) {
                (answered, Tell::Error(error)) if answered == id || answered == 0 => {
                    panic!("refused: {:?}: {}", error.reason(), error.message)
                }
                (0, push) => self.pushes.push_back(push),
                (answered, body) if answered == id => return body,
                _ => {}
            }
        }
    }

    /// Sends a request without waiting for its answer.
    pub async fn send(&mut self, body: Ask) -> u64 {
        self.request_id += 1;
        let frame = ClientFrame {
            request_id: self.request_id,
            body: Some(body),
        };
        let message = tungstenite::Message::Binary(frame.encode_to_vec().into());
        self.stream.send(message).await.expect("an open socket");
        self.request_id
    }

    /// Sends bytes as a frame; returns the server's answer, or `None` when it closes the socket.
    /// Nothing else may be in flight.
    pub async fn provoke(&mut self, bytes: impl Into<Bytes>) -> Option<Tell> {
        let sent = self
            .stream
            .send(tungstenite::Message::Binary(bytes.into()))
            .await;
        sent.ok()?;
        while let Some(frame) = self.next().await {
            match (frame.request_id, frame.body.expect("a body")) {
                // A frame that cannot be read has no number: the error is followed by a close.
                (0, Tell::Error(error)) if error.reason() == Reason::Malformed => {}
                (0, push) => self.pushes.push_back(push),
                (_, answer) => return Some(answer),
            }
        }
        None
    }

    /// The next push that `pick` takes, of those that came before, too; others are dropped.
    pub async fn pushed<T>(&mut self, mut pick: impl FnMut(Tell) -> Option<T>) -> T {
        loop {
            let push = if let Some(push) = self.pushes.pop_front() {
                push
            } else {
                let frame = self.next().await.expect("an open socket");
                frame.body.expect("a body")
            };
            if let Some(found) = pick(push) {
                return found;
            }
        }
    }

    /// The next frame; `None` when the socket has been closed.
    pub async fn next(&mut self) -> Option<ServerFrame> {
        loop {
            let message = timeout(SILENCE, self.stream.next()).await;
            match message.expect("the server says nothing") {
                Some(Ok(tungstenite::Message::Binary(bytes))) => {
                    return Some(ServerFrame::decode(bytes).expect("a frame of the server"));
                }
                Some(Ok(_)) => {}
                None | Some(Err(_)) => return None,
            }
        }
    }
}
