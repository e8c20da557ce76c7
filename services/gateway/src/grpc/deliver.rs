//! Deliver: batches of pushes, each encoded once and put in the mailboxes of its targets. Never
//! waits for a socket.

use std::{pin::Pin, sync::Arc};

use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};
use xchat_ports::TraceContext;
use xchat_proto::{
    client::{self, server_frame::Body},
    convert,
    gateway::{
        DeliverItem, DeliverRequest, DeliverResponse, DeliverResult, deliver_item::Push,
        gateway_service_server::GatewayService,
    },
};
use xchat_runtime::{Span, trace::Side};
use xchat_types::{ConversationId, DeviceId, Sequence};

use crate::{
    metrics::{Pushed, Put, metrics},
    registry::Registry,
    socket::{
        answer,
        mailbox::{Mail, Mailbox},
    },
};

/// `xchat.gateway.v1.GatewayService`
#[derive(Debug)]
pub(crate) struct Deliver {
    pub(crate) registry: Arc<Registry>,
}

#[tonic::async_trait]
impl GatewayService for Deliver {
    type DeliverStream = Pin<Box<dyn Stream<Item = Result<DeliverResponse, Status>> + Send>>;

    async fn deliver(
        &self,
        request: Request<Streaming<DeliverRequest>>,
    ) -> Result<Response<Self::DeliverStream>, Status> {
        let registry = Arc::clone(&self.registry);
        let answers = request.into_inner().map(move |batch| {
            batch.map(|batch| DeliverResponse {
                batch_id: batch.batch_id,
                results: batch
                    .items
                    .into_iter()
                    .map(|item| put(&registry, item))
                    .collect(),
            })
        });
        Ok(Response::new(Box::pin(answers)))
    }
}

/// Puts one push in the mailboxes of its targets; names those that have no socket here.
fn put(registry: &Registry, item: DeliverItem) -> DeliverResult {
    let of = TraceContext::from_traceparent(&item.traceparent);
    let span = Span::continued("gateway.deliver", Side::Consumer, of);
    span.set_count("sockets", item.targets.len());
    let kind = item.push.as_ref().map(Pushed::of);
    let parcel = item.push.and_then(|push| Parcel::wrap(push, span));
    let missed_device_ids = item
        .targets
        .into_iter()
        .filter(|target| {
            let device = convert::id::<DeviceId>(&target.device_id, "device_id");
            let mailbox = device
                .ok()
                .and_then(|device| registry.find(device, target.connection_id));
            let put = match (&parcel, mailbox) {
                (Some(parcel), Some(mailbox)) => parcel.put(&mailbox),
                _ => Put::Missed,
            };
            if let Some(kind) = kind {
                metrics().pushes.one((kind, put));
            }
            put == Put::Missed
        })
        .map(|target| target.device_id)
        .collect();
    DeliverResult { missed_device_ids }
}

/// An encoded push, and what the window must know of it.
struct Parcel {
    mail: Mail,
    records: Option<(ConversationId, Sequence, u32)>,
}

impl Parcel {
    /// The span ends when the last of its sockets has been written to.
    fn wrap(push: Push, span: Span) -> Option<Self> {
        let mut records = None;
        let body = match push {
            Push::Deliver(deliver) => {
                records = Some(extent(&deliver)?);
                Body::DeliverPush(deliver)
            }
            Push::Outcome(outcome) => Body::OutcomePush(outcome),
            Push::Welcome(welcome) => Body::WelcomePush(welcome),
            Push::Resync(resync) => Body::ResyncPush(resync),
        };
        Some(Self {
            mail: Mail {
                frame: answer::push(body),
                span,
            },
            records,
        })
    }

    fn put(&self, mailbox: &Mailbox) -> Put {
        match self.records {
            Some((conversation, highest, records)) => {
                mailbox.push_records(conversation, highest, records, self.mail.clone())
            }
            None => mailbox.push_note(self.mail.clone()),
        }
    }
}

fn extent(deliver: &client::DeliverPush) -> Option<(ConversationId, Sequence, u32)> {
    let last = deliver.records.last()?;
    let conversation = &last.header.as_ref()?.conversation_id;
    let conversation = convert::id::<ConversationId>(conversation, "conversation_id").ok()?;
    let records = u32::try_from(deliver.records.len()).unwrap_or(u32::MAX);
    Some((conversation, Sequence(last.sequence), records))
}
