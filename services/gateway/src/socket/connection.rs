//! The one task of a socket after its greeting: reads requests, waits for their answers, writes
//! what the mailbox holds. All that is ready in one turn goes out in one flush.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _, stream::FuturesUnordered};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, MissedTickBehavior},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};
use xchat_proto::common::{Error, Reason};

use crate::{
    edge::Edge,
    metrics::{Arrived, OpenSocket, metrics},
    socket::{
        acks::Acks,
        answer,
        greeting::{self, Session},
        mailbox::{Mailbox, Taken},
        request,
        upgrade::{Arrival, Stream},
    },
};

/// For the last word to a socket, which may have stopped to read.
const FAREWELL: Duration = Duration::from_secs(1);

/// A request in work: its encoded answer, and the session when it brought a new one.
pub(crate) type Work = Pin<Box<dyn Future<Output = Done> + Send>>;
pub(crate) type Done = (Bytes, Option<Session>);

/// Serves a socket from its greeting to its end.
pub(crate) async fn run(edge: Arc<Edge>, arrival: Arrival) {
    let Arrival {
        mut stream,
        unlock,
        socket,
        seat,
    } = arrival;
    let session = tokio::select! {
        biased;
        // Without a word: it would keep what has to be given back at once.
        () = seat.displaced() => Err(Arrived::Displaced),
        session = receive(&edge, &mut stream) => session.ok_or(Arrived::Refused),
    };
    let arrived = session
        .as_ref()
        .map_or_else(|left| *left, |_| Arrived::LoggedIn);
    metrics().arrivals.one(arrived);
    let Ok(session) = session else {
        return;
    };
    unlock.unlock();
    drop(seat);
    let Some(connection) = Connection::open(Arc::clone(&edge), session, stream) else {
        return;
    };
    connection.serve().await;
    drop(socket);
}

/// The session of a socket that logs in; one that does not is told why not, and closed.
async fn receive(edge: &Edge, stream: &mut Stream) -> Option<Session> {
    let greeted = Box::pin(greeting::greet(edge, stream));
    let farewell = match tokio::time::timeout(edge.config.login.0, greeted).await {
        Ok(Ok(session)) => return Some(session),
        Ok(Err(farewell)) => farewell,
        Err(_) => Some(answer::error(Reason::Timeout, "login took too long")),
    };
    farewell_of(edge, stream, farewell).await;
    None
}

async fn farewell_of(edge: &Edge, stream: &mut Stream, farewell: Option<Error>) {
    if let Some(error) = farewell {
        metrics().refusals.one(error.reason());
        let last = answer::answer(0, Err(error));
        let send = stream.send(Message::Binary(last));
        let _ = tokio::time::timeout(edge.config.write_timeout.0, send).await;
    }
    close(stream).await;
}

async fn close<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut WebSocketStream<S>) {
    let frame = CloseFrame {
        code: CloseCode::Away,
        reason: "".into(),
    };
    let _ = tokio::time::timeout(FAREWELL, stream.close(Some(frame))).await;
}

/// `S` is what the WebSocket runs over.
struct Connection<S> {
    edge: Arc<Edge>,
    session: Session,
    mailbox: Arc<Mailbox>,
    acks: Arc<Acks>,
    stream: WebSocketStream<S>,
    work: FuturesUnordered<Work>,
    _counted: OpenSocket,
    heard: Instant,
    /// When the session's access token ends, and the socket with it.
    ends: Instant,
}

/// What a turn of the loop woke up for.
enum Turn {
    Heard(Option<Result<Message, tokio_tungstenite::tungstenite::Error>>),
    Done(Done),
    Mail,
    Tick,
    Ended,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    fn open(edge: Arc<Edge>, session: Session, stream: WebSocketStream<S>) -> Option<Self> {
        let limit = usize::try_from(edge.config.mailbox_bytes.0).unwrap_or(usize::MAX);
        let mailbox = Arc::new(Mailbox::new(limit, edge.config.unacknowledged));
        let id = edge.leases.next_connection(edge.now());
        if !edge.registry.insert(session.device, id, &mailbox) {
            return None;
        }
        let (work, heard) = (FuturesUnordered::new(), Instant::now());
        let ends = end_of(&edge, &session);
        Some(Self {
            edge,
            session,
            mailbox,
            acks: Arc::default(),
            stream,
            work,
            _counted: OpenSocket::count(),
            heard,
            ends,
        })
    }

    async fn serve(mut self) {
        let mut tick = tokio::time::interval(self.edge.config.heartbeat.0);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tick.reset();
        let end = tokio::time::sleep_until(self.ends);
        tokio::pin!(end);
        let limit = self.edge.config.requests_in_flight as usize;
        loop {
            let mailbox = Arc::clone(&self.mailbox);
            let turn = tokio::select! {
                heard = self.stream.next(), if self.work.len() < limit => Turn::Heard(heard),
                Some(done) = self.work.next(), if !self.work.is_empty() => Turn::Done(done),
                () = mailbox.changed() => Turn::Mail,
                _ = tick.tick() => Turn::Tick,
                () = end.as_mut() => Turn::Ended,
            };
            if !self.turn(turn).await {
                break;
            }
            if end.deadline() != self.ends {
                end.as_mut().reset(self.ends);
            }
        }
        let Session { device, .. } = self.session;
        if let Some(last) = self.edge.registry.leave(device, &self.mailbox) {
            self.edge.leases.remove(device, last).await;
        }
        close(&mut self.stream).await;
    }

    /// One turn; `false` ends the socket.
    async fn turn(&mut self, turn: Turn) -> bool {
        let mut frames = Vec::new();
        let mut go_on = match turn {
            Turn::Heard(heard) => self.hear(heard, &mut frames),
            Turn::Done(done) => self.finish(done, &mut frames),
            Turn::Mail => true,
            Turn::Tick => self.tick(&mut frames),
            Turn::Ended => self.end(&mut frames),
        };
        // Whatever else is ready leaves with it.
        while let Some(Some(done)) = futures_util::FutureExt::now_or_never(self.work.next()) {
            go_on &= self.finish(done, &mut frames);
        }
        let Taken {
            frames: mail,
            spans,
            closing,
        } = self.mailbox.take();
        frames.extend(mail.into_iter().map(Message::Binary));
        if let Some(reason) = closing {
            let after = self.edge.reconnect_after_ms();
            metrics().goodbyes.one(reason);
            frames.push(Message::Binary(answer::going_away(reason, after)));
            go_on = false;
        }
        let written = self.write(frames).await;
        drop(spans);
        written && go_on
    }

    fn hear(
        &mut self,
        heard: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>,
        frames: &mut Vec<Message>,
    ) -> bool {
        self.heard = Instant::now();
        match heard {
            Some(Ok(Message::Binary(bytes))) => self.ask(bytes, frames),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => true,
            Some(Ok(Message::Text(_))) => {
                frames.push(Message::Binary(answer::answer(
                    0,
                    Err(greeting::not_a_frame()),
                )));
                false
            }
            Some(Ok(Message::Close(_)) | Err(_)) | None => false,
        }
    }

    fn ask(&mut self, bytes: Bytes, frames: &mut Vec<Message>) -> bool {
        match greeting::decode(bytes) {
            Ok(frame) => {
                let context = request::Context {
                    edge: Arc::clone(&self.edge),
                    session: self.session,
                    mailbox: Arc::clone(&self.mailbox),
                    acks: Arc::clone(&self.acks),
                };
                self.work.push(request::start(context, frame));
                true
            }
            Err(farewell) => {
                let error = farewell.unwrap_or_else(greeting::not_a_frame);
                frames.push(Message::Binary(answer::answer(0, Err(error))));
                false
            }
        }
    }

    fn finish(&mut self, (answer, session): Done, frames: &mut Vec<Message>) -> bool {
        let same = session.is_none_or(|new| new.device == self.session.device);
        if let Some(new) = session.filter(|_| same) {
            self.session = new;
            self.ends = end_of(&self.edge, &new);
        }
        frames.push(Message::Binary(answer));
        same
    }

    /// Closes an idle socket, and one whose token has died by a clock that was set; else keeps it
    /// warm.
    fn tick(&mut self, frames: &mut Vec<Message>) -> bool {
        if self.heard.elapsed() > self.edge.config.idle.0 {
            return false;
        }
        if self.session.expires_at <= self.edge.now() {
            return self.end(frames);
        }
        self.mailbox.unstick();
        frames.push(Message::Ping(Bytes::new()));
        true
    }

    /// The token has died and was not renewed in band.
    fn end(&self, frames: &mut Vec<Message>) -> bool {
        let after = self.edge.reconnect_after_ms();
        metrics().goodbyes.one(Reason::TokenExpired);
        let goodbye = answer::going_away(Reason::TokenExpired, after);
        frames.push(Message::Binary(goodbye));
        false
    }

    /// Writes all frames with one flush; a socket that takes nothing for too long is given up.
    async fn write(&mut self, frames: Vec<Message>) -> bool {
        if frames.is_empty() {
            return true;
        }
        let stream = &mut self.stream;
        let write = async {
            for frame in frames {
                stream.feed(frame).await?;
            }
            stream.flush().await
        };
        // A reader that has stopped does not outlive its token either.
        let now = Instant::now();
        let patience = now + self.edge.config.write_timeout.0;
        let deadline = patience.min(self.ends.max(now + FAREWELL));
        let written = tokio::time::timeout_at(deadline, write);
        // Nor does it outlive its device's revocation.
        let cut = async {
            self.mailbox.closing().await;
            tokio::time::sleep(FAREWELL).await;
        };
        tokio::select! {
            biased;
            written = written => matches!(written, Ok(Ok(()))),
            () = cut => false,
        }
    }
}

/// The moment of the monotonic clock at which the session's token ends.
fn end_of(edge: &Edge, session: &Session) -> Instant {
    let now = Instant::now();
    let life = Duration::from_millis(edge.now().until(session.expires_at));
    now.checked_add(life).unwrap_or(now)
}

#[cfg(test)]
mod tests;
