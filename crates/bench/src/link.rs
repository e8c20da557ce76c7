//! A device's socket: the protocol's frames over a WebSocket, and nothing that stores.

use std::{
    collections::VecDeque,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpSocket, TcpStream},
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};
use xchat_proto::{
    API_VERSION, Message as _,
    client::{
        self, ClientFrame, ServerFrame, client_frame::Body as Ask, server_frame::Body as Tell,
    },
    common::{self, Reason},
    convert,
};
use xchat_types::ServerId;

use crate::person::Person;

/// A server that says nothing for so long has lost something.
pub(crate) const SILENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Link {
    stream: WebSocketStream<TcpStream>,
    request_id: u64,
    pushes: VecDeque<Tell>,
    /// Bytes of frames, without WebSocket's own: all that came, pushed records alone, all sent.
    pub(crate) received: u64,
    pub(crate) pushed: u64,
    pub(crate) sent: u64,
}

impl Link {
    /// Connects, signs up when asked to, logs in and subscribes. (`&mut`, for a person's store is
    /// not to be shared between threads.)
    pub(crate) async fn open(
        address: SocketAddr,
        number: usize,
        person: &mut Person,
        new: bool,
    ) -> Result<Self> {
        let mut link = Self::connect(address, number).await?;
        let hello = Ask::Hello(client::HelloRequest {
            api_version: API_VERSION,
            client: "xchat-bench".to_owned(),
        });
        let Tell::Hello(hello) = link.ask(hello).await? else {
            bail!("no Hello");
        };
        let server: ServerId = convert::id(&hello.server_id, "server_id")?;
        let challenge = Ask::Challenge(client::ChallengeRequest {});
        let Tell::Challenge(challenge) = link.ask(challenge).await? else {
            bail!("no Challenge");
        };
        if new {
            let register = person.register(&challenge.signup_challenge)?;
            link.ask(Ask::Register(register)).await?;
        }
        let login = person.login(server, &challenge.login_nonce)?;
        link.ask(Ask::Login(login)).await?;
        link.ask(Ask::Resume(client::ResumeRequest {})).await?;
        Ok(link)
    }

    /// From one of several loopback addresses, so that ports suffice for many sockets.
    async fn connect(address: SocketAddr, number: usize) -> Result<Self> {
        let host = u8::try_from(number / 1_000 + 1).context("too many sockets")?;
        let socket = TcpSocket::new_v4()?;
        // Ports of sockets that were closed a moment ago are free for others.
        socket.set_reuseaddr(true)?;
        socket.bind(SocketAddr::new(
            IpAddr::V4(Ipv4Addr::new(127, 0, 0, host)),
            0,
        ))?;
        let stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        // Small buffers: the generator's memory is not what is measured, but it must fit.
        let config = WebSocketConfig::default()
            .read_buffer_size(2_048)
            .write_buffer_size(0);
        let url = format!("ws://{address}/v1/ws");
        let (stream, _) = client_async_with_config(url, stream, Some(config)).await?;
        Ok(Self {
            stream,
            request_id: 0,
            pushes: VecDeque::new(),
            received: 0,
            pushed: 0,
            sent: 0,
        })
    }

    /// Sends a request and returns its answer; pushes that come meanwhile are kept.
    pub(crate) async fn ask(&mut self, body: Ask) -> Result<Tell> {
        let id = self.send(body).await?;
        loop {
            let frame = self.next().await?;
            let body = frame.body.context("a frame without a body")?;
            match (frame.request_id, body) {
                (0, push) => self.pushes.push_back(push),
                (answered, body) if answered == id => return Ok(body),
                _ => {}
            }
        }
    }

    /// Sends a request without waiting for its answer.
    pub(crate) async fn send(&mut self, body: Ask) -> Result<u64> {
        self.request_id += 1;
        let frame = ClientFrame {
            request_id: self.request_id,
            body: Some(body),
        };
        let bytes = Bytes::from(frame.encode_to_vec());
        self.sent += bytes.len() as u64;
        self.stream.send(Message::Binary(bytes)).await?;
        Ok(self.request_id)
    }

    /// Records after a sequence; none while the server does not know the conversation yet.
    pub(crate) async fn pull(
        &mut self,
        request: client::PullRequest,
    ) -> Result<Vec<client::DeliveredRecord>> {
        let id = self.send(Ask::Pull(request)).await?;
        loop {
            let frame = self.frame().await?;
            let body = frame.body.context("a frame without a body")?;
            match (frame.request_id, body) {
                (answered, Tell::Pull(pulled)) if answered == id => return Ok(pulled.records),
                (_, Tell::Error(error)) if error.reason() == Reason::ConversationUnknown => {
                    return Ok(Vec::new());
                }
                (_, Tell::Error(error)) => return Err(refused(&error)),
                (0, push) => self.pushes.push_back(push),
                _ => {}
            }
        }
    }

    /// The next frame that is no error; fails when none comes in time. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<ServerFrame> {
        let frame = self.frame().await?;
        match &frame.body {
            Some(Tell::Error(error)) => Err(refused(error)),
            _ => Ok(frame),
        }
    }

    async fn frame(&mut self) -> Result<ServerFrame> {
        loop {
            let message = tokio::time::timeout(SILENCE, self.stream.next())
                .await
                .context("the server says nothing: a record was lost")?;
            let message = message.context("the server closed the socket")??;
            let Message::Binary(bytes) = message else {
                continue;
            };
            let length = bytes.len() as u64;
            self.received += length;
            let frame = ServerFrame::decode(bytes)?;
            if let Some(Tell::DeliverPush(_)) = frame.body {
                self.pushed += length;
            }
            return Ok(frame);
        }
    }

    /// Answers heartbeats for as long as it is polled.
    pub(crate) async fn idle(&mut self) -> Result<()> {
        while let Some(message) = self.stream.next().await {
            message?;
        }
        bail!("the server closed an idle socket")
    }

    /// Ends the connection as a lost network does, without a closing frame.
    pub(crate) async fn cut(&mut self) -> Result<()> {
        Ok(self.stream.get_mut().shutdown().await?)
    }

    pub(crate) fn take_push(&mut self) -> Option<Tell> {
        self.pushes.pop_front()
    }
}

fn refused(error: &common::Error) -> anyhow::Error {
    anyhow::anyhow!("refused: {:?}: {}", error.reason(), error.message)
}

/// Of pushes that carry no record none may say that something was refused.
#[allow(clippy::wildcard_enum_match_arm, reason = "answers it has no use for")]
pub(crate) fn welcome_or_answer(push: &Tell) -> Result<()> {
    match push {
        Tell::GoingAwayPush(_) => bail!("the server is going away"),
        Tell::OutcomePush(push) => {
            use xchat_proto::common::outcome::Kind;
            let kind = push
                .outcome
                .as_ref()
                .and_then(|outcome| outcome.kind.as_ref());
            if let Some(Kind::Applied(_)) = kind {
                return Ok(());
            }
            bail!("counter {}: {kind:?}", push.counter)
        }
        _ => Ok(()),
    }
}
