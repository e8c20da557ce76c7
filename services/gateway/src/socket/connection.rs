//! The one task of a socket after its greeting: reads requests, waits for their answers, writes
//! what the mailbox holds. All that is ready in one turn goes out in one flush.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _, stream::FuturesUnordered};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};
use xchat_proto::common::{Error, Reason};

use crate::{
    edge::Edge,
    socket::{
        answer,
        greeting::{self, Session},
        mailbox::{Mailbox, Taken},
        request,
        upgrade::{Arrival, Stream},
    },
};

/// A request in work: its encoded answer, and the session when it brought a new one.
pub(crate) type Work = Pin<Box<dyn Future<Output = Done> + Send>>;
pub(crate) type Done = (Bytes, Option<Session>);

/// Serves a socket from its greeting to its end.
pub(crate) async fn run(edge: Arc<Edge>, arrival: Arrival) {
    let Arrival {
        mut stream,
        unlock,
        socket,
        stranger,
    } = arrival;
    let greeted = tokio::time::timeout(
        edge.config.login.0,
        Box::pin(greeting::greet(&edge, &mut stream)),
    );
    let session = match greeted.await {
        Ok(Ok(session)) => session,
        Ok(Err(farewell)) => return farewell_of(&edge, &mut stream, farewell).await,
        Err(_) => {
            let late = answer::error(Reason::Timeout, "login took too long");
            return farewell_of(&edge, &mut stream, Some(late)).await;
        }
    };
    unlock.unlock();
    drop(stranger);
    let Some(connection) = Connection::open(Arc::clone(&edge), session, stream) else {
        return;
    };
    connection.serve().await;
    drop(socket);
}

async fn farewell_of(edge: &Edge, stream: &mut Stream, farewell: Option<Error>) {
    if let Some(error) = farewell {
        let last = answer::answer(0, Err(error));
        let send = stream.send(Message::Binary(last));
        let _ = tokio::time::timeout(edge.config.write_timeout.0, send).await;
    }
    close(stream).await;
}

async fn close(stream: &mut Stream) {
    let frame = CloseFrame {
        code: CloseCode::Away,
        reason: "".into(),
    };
    let _ = tokio::time::timeout(Duration::from_secs(1), stream.close(Some(frame))).await;
}

struct Connection {
    edge: Arc<Edge>,
    session: Session,
    id: u64,
    mailbox: Arc<Mailbox>,
    stream: Stream,
    work: FuturesUnordered<Work>,
    heard: Instant,
}

/// What a turn of the loop woke up for.
enum Turn {
    Heard(Option<Result<Message, tokio_tungstenite::tungstenite::Error>>),
    Done(Done),
    Mail,
    Tick,
}

impl Connection {
    fn open(edge: Arc<Edge>, session: Session, stream: Stream) -> Option<Self> {
        let limit = usize::try_from(edge.config.mailbox_bytes.0).unwrap_or(usize::MAX);
        let mailbox = Arc::new(Mailbox::new(limit, edge.config.unacknowledged));
        let id = edge.leases.next_connection(edge.now());
        if !edge.registry.insert(session.device, id, &mailbox) {
            return None;
        }
        let (work, heard) = (FuturesUnordered::new(), Instant::now());
        Some(Self {
            edge,
            session,
            id,
            mailbox,
            stream,
            work,
            heard,
        })
    }

    async fn serve(mut self) {
        let mut tick = tokio::time::interval(self.edge.config.heartbeat.0);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tick.reset();
        let limit = self.edge.config.requests_in_flight as usize;
        loop {
            let mailbox = Arc::clone(&self.mailbox);
            let turn = tokio::select! {
                heard = self.stream.next(), if self.work.len() < limit => Turn::Heard(heard),
                Some(done) = self.work.next(), if !self.work.is_empty() => Turn::Done(done),
                () = mailbox.changed() => Turn::Mail,
                _ = tick.tick() => Turn::Tick,
            };
            if !self.turn(turn).await {
                break;
            }
        }
        self.edge.registry.remove(self.session.device, self.id);
        self.edge.leases.remove(self.session.device, self.id).await;
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
        };
        // Whatever else is ready leaves with it.
        while let Some(Some(done)) = futures_util::FutureExt::now_or_never(self.work.next()) {
            go_on &= self.finish(done, &mut frames);
        }
        let Taken {
            frames: mail,
            closing,
        } = self.mailbox.take();
        frames.extend(mail.into_iter().map(Message::Binary));
        if let Some(reason) = closing {
            let after = self.edge.reconnect_after_ms();
            frames.push(Message::Binary(answer::going_away(reason, after)));
            go_on = false;
        }
        self.write(frames).await && go_on
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
                    connection: self.id,
                    mailbox: Arc::clone(&self.mailbox),
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
        }
        frames.push(Message::Binary(answer));
        same
    }

    /// Closes an idle socket and one whose token has died; else keeps it warm.
    fn tick(&mut self, frames: &mut Vec<Message>) -> bool {
        if self.heard.elapsed() > self.edge.config.idle.0 {
            return false;
        }
        if self.session.expires_at < self.edge.now() {
            let after = self.edge.reconnect_after_ms();
            frames.push(Message::Binary(answer::going_away(
                Reason::TokenExpired,
                after,
            )));
            return false;
        }
        frames.push(Message::Ping(Bytes::new()));
        true
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
        matches!(
            tokio::time::timeout(self.edge.config.write_timeout.0, write).await,
            Ok(Ok(()))
        )
    }
}
