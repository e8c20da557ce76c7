//! What a device may ask after login: one function a request, each a call to the service that
//! owns the answer, with the session's ids put in here and never taken from the frame.

use std::sync::Arc;

use futures_util::FutureExt as _;
use xchat_proto::{
    client::{self, ClientFrame, client_frame::Body as Ask, server_frame::Body as Tell},
    common::{Error, Reason},
    convert::{self, id_bytes},
    fanout, identity,
};
use xchat_runtime::{Span, status::failure};
use xchat_types::{ConversationId, RecordKind, Sequence};

use crate::{
    domain::admission,
    edge::Edge,
    socket::{
        acks::Acks,
        answer::{Answer, error},
        asked::Asked,
        connection::Work,
        greeting::{self, Session},
        mailbox::Mailbox,
    },
};

/// Whose request it is.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) edge: Arc<Edge>,
    pub(crate) session: Session,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) acks: Arc<Acks>,
}

/// Starts the work of a frame. What must keep the order of the socket (submissions) happens
/// before this returns.
pub(crate) fn start(context: Context, frame: ClientFrame) -> Work {
    let request_id = frame.request_id;
    let asked = Asked::begin(frame.body.as_ref());
    match frame.body {
        Some(Ask::Submit(submit)) => {
            let accepted = context.submit(submit, &asked.span);
            async move { (asked.answer(request_id, accepted.await), None) }.boxed()
        }
        Some(Ask::Refresh(refresh)) => async move {
            let refreshed = greeting::refresh(&context.edge, refresh);
            let (reply, session) = match asked.span.scope(refreshed).await {
                Ok((reply, session)) => (Ok(Tell::Refresh(reply)), Some(session)),
                Err(error) => (Err(error), None),
            };
            (asked.answer(request_id, reply), session)
        }
        .boxed(),
        Some(body) => async move {
            let answer = asked.span.scope(context.ask(body)).await;
            (asked.answer(request_id, answer), None)
        }
        .boxed(),
        None => async move {
            let answer = asked.answer(request_id, Err(greeting::not_a_frame()));
            (answer, None)
        }
        .boxed(),
    }
}

impl Context {
    fn device_id(&self) -> bytes::Bytes {
        id_bytes(&self.session.device)
    }

    fn account_id(&self) -> bytes::Bytes {
        id_bytes(&self.session.account)
    }

    fn submit(
        &self,
        submit: client::SubmitRequest,
        span: &Span,
    ) -> impl Future<Output = Answer> + Send + 'static {
        let edge = &self.edge;
        let admitted = admission::admit(submit, self.session.device, edge.sizes(), edge.now());
        let queued = match admitted {
            Err(refusal) => Err(error(refusal.reason, refusal.message)),
            Ok(admitted) => self.pace(&admitted).and_then(|()| {
                let item = fanout::SubmitItem {
                    conversation_id: id_bytes(&admitted.header.conversation),
                    record: admitted.record,
                    traceparent: span.traceparent(),
                };
                Ok((edge.fanout.submit(item)?, admitted.accepted_at))
            }),
        };
        async move {
            let (answer, accepted_at) = queued?;
            answer.await?;
            Ok(Tell::Submit(client::SubmitResponse {
                accepted_at_ms: accepted_at.0,
            }))
        }
    }

    fn pace(&self, admitted: &admission::Admitted) -> Result<(), Error> {
        let header = &admitted.header;
        let is_message = header.kind == RecordKind::Application;
        self.edge
            .pace
            .take(header.sender, header.conversation, is_message)
            .map_err(|wait| Error {
                retry_after_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1),
                ..error(Reason::RateLimited, "too fast: wait a little")
            })
    }

    async fn ask(&self, body: Ask) -> Answer {
        match body {
            Ask::Resume(_) => self.resume().await,
            Ask::ListMarks(ask) => self.list_marks(ask).await.map(Tell::ListMarks),
            Ask::Pull(ask) => self.pull(ask).await,
            Ask::Ack(ask) => self.ack(ask).await,
            Ask::FetchOutcomes(ask) => self.fetch_outcomes(ask).await,
            Ask::FetchTree(ask) => self.fetch_tree(ask).await,
            Ask::AckWelcome(ask) => self.ack_welcome(ask).await,
            Ask::SetUsername(ask) => self.set_username(ask).await,
            Ask::LookupUsername(ask) => self.lookup_username(ask).await,
            Ask::PublishKeyPackages(ask) => self.publish_key_packages(ask).await,
            Ask::CountKeyPackages(_) => self.count_key_packages().await,
            Ask::ClaimKeyPackages(ask) => self.claim_key_packages(ask).await,
            Ask::Hello(_) => {
                let authority = self
                    .edge
                    .authority()
                    .await
                    .map_err(|status| failure(&status))?;
                Ok(Tell::Hello(self.edge.hello(&authority)))
            }
            Ask::Challenge(_) | Ask::Register(_) | Ask::Login(_) => {
                Err(error(Reason::Malformed, "this socket is logged in already"))
            }
            Ask::Submit(_) | Ask::Refresh(_) => Err(error(
                Reason::Internal,
                "this request has a path of its own",
            )),
        }
    }

    /// Route first, then marks and welcomes: what is appended meanwhile is pushed or marked. Each
    /// time another route: a push that this socket had no room for is not marked yet, maybe, and
    /// fanout pushes again, once it is, to whoever has another route than the one it pushed to.
    async fn resume(&self) -> Answer {
        let edge = &self.edge;
        let device = self.session.device;
        let replaced = || {
            error(
                Reason::Replaced,
                "another connection of this device took over",
            )
        };
        let Some(connection) = edge.registry.renew(device, &self.mailbox) else {
            return Err(replaced());
        };
        edge.leases.renewed(connection);
        self.mailbox.resume();
        match edge.leases.set(device, connection).await {
            Ok(true) => self.mailbox.route_is_set(),
            Ok(false) if edge.registry.replace(device, connection) => return Err(replaced()),
            // A later resume of this socket was faster.
            Ok(false) => {}
            // Routes are hints: without one a device reads and writes, and hears of what is new
            // once the lease can be refreshed.
            Err(status) => {
                tracing::debug!(code = ?status.code(), "a device resumes without a route for now");
                self.mailbox.doubt_route();
            }
        }
        let first = client::ListMarksRequest::default();
        let request = fanout::FetchWelcomesRequest {
            device_id: self.device_id(),
        };
        let mut fanout = edge.fanout.client();
        let (marks, welcomes) =
            tokio::join!(self.list_marks(first), fanout.fetch_welcomes(request));
        let marks = marks?;
        let welcomes = welcomes
            .map_err(|status| failure(&status))?
            .into_inner()
            .welcomes;
        Ok(Tell::Resume(client::ResumeResponse {
            marks: marks.marks,
            welcomes,
            next_marks_after: marks.next_marks_after,
        }))
    }

    async fn list_marks(
        &self,
        ask: client::ListMarksRequest,
    ) -> Result<client::ListMarksResponse, Error> {
        let request = fanout::ListMarksRequest {
            device_id: self.device_id(),
            list_marks: Some(ask),
        };
        let reply = self.edge.fanout.client().list_marks(request).await;
        Ok(reply
            .map_err(|status| failure(&status))?
            .into_inner()
            .list_marks
            .unwrap_or_default())
    }

    async fn pull(&self, ask: client::PullRequest) -> Answer {
        let request = fanout::PullRequest {
            device_id: self.device_id(),
            pull: Some(ask),
        };
        let reply = self.edge.fanout.client().pull(request).await;
        let reply = reply.map_err(|status| failure(&status))?.into_inner();
        Ok(Tell::Pull(reply.pull.unwrap_or_default()))
    }

    async fn ack(&self, ask: client::AckRequest) -> Answer {
        let conversation = convert::id::<ConversationId>(&ask.conversation_id, "conversation_id")
            .map_err(|wrong| error(Reason::Malformed, wrong.to_string()))?;
        let through = Sequence(ask.sequence);
        let call = |through: Sequence| {
            let request = fanout::AckRequest {
                device_id: self.device_id(),
                acks: vec![client::AckRequest {
                    conversation_id: ask.conversation_id.clone(),
                    sequence: through.0,
                }],
            };
            let mut fanout = self.edge.fanout.client();
            async move { fanout.ack(request).await.map(drop) }
        };
        let told = self.acks.tell(conversation, through, call).await;
        told.map_err(|status| failure(&status))?;
        self.mailbox.acknowledge(conversation, through);
        Ok(Tell::Ack(client::AckResponse {}))
    }

    async fn fetch_outcomes(&self, ask: client::FetchOutcomesRequest) -> Answer {
        let request = fanout::FetchOutcomesRequest {
            device_id: self.device_id(),
            fetch_outcomes: Some(ask),
        };
        let reply = self.edge.fanout.client().fetch_outcomes(request).await;
        let reply = reply.map_err(|status| failure(&status))?.into_inner();
        Ok(Tell::FetchOutcomes(
            reply.fetch_outcomes.unwrap_or_default(),
        ))
    }

    async fn fetch_tree(&self, ask: client::FetchTreeRequest) -> Answer {
        let request = fanout::FetchTreeRequest {
            device_id: self.device_id(),
            fetch_tree: Some(ask),
        };
        let reply = self.edge.fanout.client().fetch_tree(request).await;
        let reply = reply.map_err(|status| failure(&status))?.into_inner();
        Ok(Tell::FetchTree(reply.fetch_tree.unwrap_or_default()))
    }

    async fn ack_welcome(&self, ask: client::AckWelcomeRequest) -> Answer {
        let request = fanout::AckWelcomeRequest {
            device_id: self.device_id(),
            welcome_ref: ask.welcome_ref,
        };
        let reply = self.edge.fanout.client().ack_welcome(request).await;
        reply.map_err(|status| failure(&status))?;
        Ok(Tell::AckWelcome(client::AckWelcomeResponse {}))
    }

    async fn set_username(&self, ask: client::SetUsernameRequest) -> Answer {
        let request = identity::SetUsernameRequest {
            account_id: self.account_id(),
            set_username: Some(ask),
        };
        let reply = self.edge.identity.clone().set_username(request).await;
        let reply = reply.map_err(|status| failure(&status))?.into_inner();
        Ok(Tell::SetUsername(reply.set_username.unwrap_or_default()))
    }

    async fn lookup_username(&self, ask: client::LookupUsernameRequest) -> Answer {
        let request = identity::LookupUsernameRequest {
            account_id: self.account_id(),
            lookup_username: Some(ask),
        };
        let reply = self.edge.identity.clone().lookup_username(request).await;
        let reply = reply.map_err(|status| failure(&status))?.into_inner();
        Ok(Tell::LookupUsername(
            reply.lookup_username.unwrap_or_default(),
        ))
    }

    async fn publish_key_packages(&self, ask: client::PublishKeyPackagesRequest) -> Answer {
        let request = identity::PublishKeyPackagesRequest {
            account_id: self.account_id(),
            device_id: self.device_id(),
            publish: Some(ask),
        };
        let reply = self
            .edge
            .identity
            .clone()
            .publish_key_packages(request)
            .await;
        let reply = reply.map_err(|status| failure(&status))?.into_inner();
        Ok(Tell::PublishKeyPackages(reply.publish.unwrap_or_default()))
    }

    async fn count_key_packages(&self) -> Answer {
        let request = identity::CountKeyPackagesRequest {
            device_id: self.device_id(),
        };
        let reply = self.edge.identity.clone().count_key_packages(request).await;
        let reply = reply.map_err(|status| failure(&status))?.into_inner();
        Ok(Tell::CountKeyPackages(reply.counts.unwrap_or_default()))
    }

    async fn claim_key_packages(&self, ask: client::ClaimKeyPackagesRequest) -> Answer {
        let request = identity::ClaimKeyPackagesRequest {
            account_id: self.account_id(),
            claim: Some(ask),
        };
        let reply = self.edge.identity.clone().claim_key_packages(request).await;
        let reply = reply.map_err(|status| failure(&status))?.into_inner();
        Ok(Tell::ClaimKeyPackages(reply.claim.unwrap_or_default()))
    }
}
