//! A device's socket: frames over a WebSocket, and nothing that stores or decides.

use std::{
    collections::VecDeque,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
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
        let link = Self::dial(server, from, buffer).await;
        link.expect("a connection")
    }

    async fn dial(server: &str, from: Ipv4Addr, buffer: Option<u32>) -> Option<Self> {
        let socket = TcpSocket::new_v4().expect("a socket");
        if let Some(bytes) = buffer {
            socket
                .set_recv_buffer_size(bytes)
                .expect("a smaller buffer");
        }
        // A machine whose ports are all taken has some again soon.
        socket.bind(SocketAddr::new(IpAddr::V4(from), 0)).ok()?;
        let server: SocketAddr = server.parse().expect("host and port");
        let stream = socket.connect(server).await.ok()?;
        let _ = stream.set_nodelay(true);
        let url = format!("ws://{server}/v1/ws");
        let (stream, _) = client_async(url, stream).await.ok()?;
        Some(Self {
            stream,
            request_id: 0,
            pushes: VecDeque::new(),
        })
    }

    /// Connects and logs in a device that the server knows; `None` where the server is away, or
    /// goes away meanwhile. (`&mut`, for a device's store is not to be shared between threads.)
    pub async fn try_open(
        server: &str,
        device: &mut Device,
    ) -> Option<(Self, client::ResumeResponse)> {
        let mut link = Self::dial(server, Ipv4Addr::LOCALHOST, None).await?;
        let Tell::Hello(hello) = link.try_ask(hello()).await? else {
            return None;
        };
        let server = convert::id(&hello.server_id, "server_id").expect("a server id");
        let challenge = Ask::Challenge(client::ChallengeRequest {});
        let Tell::Challenge(challenge) = link.try_ask(challenge).await? else {
            return None;
        };
        let login = device.login(server, &challenge.login_nonce);
        let Tell::Login(_) = link.try_ask(Ask::Login(login)).await? else {
            return None;
        };
        match link.try_ask(Ask::Resume(client::ResumeRequest {})).await? {
            Tell::Resume(resumed) => Some((link, resumed)),
            _ => None,
        }
    }

    /// The answer, which may be an error; `None` when the socket is closed. Nothing else may be in
    /// flight.
    pub async fn try_ask(&mut self, body: Ask) -> Option<Tell> {
        let id = self.try_send(body).await?;
        loop {
            let frame = self.next().await?;
            match (frame.request_id, frame.body.expect("a body")) {
                (answered, body) if answered == id => return Some(body),
                (_, push) => self.pushes.push_back(push),
            }
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
        let Tell::Hello(hello) = self.ask(hello()).await else {
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
        self.try_send(body).await.expect("an open socket")
    }

    /// The same; `None` when the socket is closed.
    pub async fn try_send(&mut self, body: Ask) -> Option<u64> {
        self.request_id += 1;
        let frame = ClientFrame {
            request_id: self.request_id,
            body: Some(body),
        };
        let message = tungstenite::Message::Binary(frame.encode_to_vec().into());
        self.stream.send(message).await.ok()?;
        Some(self.request_id)
    }

    /// A frame that has come already. `None`: there is none; `Some(None)`: the socket is closed.
    #[allow(clippy::option_option, reason = "what `now_or_never` makes of `next`")]
    pub fn ready(&mut self) -> Option<Option<ServerFrame>> {
        self.next().now_or_never()
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

fn hello() -> Ask {
    Ask::Hello(client::HelloRequest {
        api_version: API_VERSION,
        client: "tests".to_owned(),
    })
}
