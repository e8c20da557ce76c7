//! One stream to one gateway: batches with a deadline, a breaker, and who must resync.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use thiserror::Error;
use tokio::{sync::mpsc, time::Instant};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use xchat_ports::TraceContext;
use xchat_proto::{
    Message,
    client::ResyncPush,
    gateway::{
        DeliverItem, DeliverRequest, DeliverResponse, Target, deliver_item::Push,
        gateway_service_client::GatewayServiceClient,
    },
};
use xchat_runtime::{
    Span,
    channel::{Channel, MAX_MESSAGE_BYTES},
    meter::Label as _,
    trace::Side,
};

use super::breaker::Breaker;
use crate::metrics::{Pushed, metrics};

/// Of one request, below what a gateway reads.
const BATCH_BYTES: usize = MAX_MESSAGE_BYTES / 4 * 3;

/// Devices whose batch was lost, by connection; told to resync when the gateway is back.
#[derive(Clone, Debug, Default)]
pub(super) struct Lost(Arc<Mutex<HashMap<Bytes, u64>>>);

#[derive(Debug)]
pub(super) struct Link {
    client: GatewayServiceClient<Channel>,
    deadline: Duration,
    lost: Lost,
    breaker: Breaker,
    stream: Option<Stream>,
    batch_id: u64,
}

#[derive(Debug)]
struct Stream {
    requests: mpsc::Sender<DeliverRequest>,
    responses: Streaming<DeliverResponse>,
}

#[derive(Debug, Error)]
enum LinkError {
    #[error("no answer in time")]
    Deadline(#[from] tokio::time::error::Elapsed),
    #[error(transparent)]
    Status(#[from] tonic::Status),
    #[error("the stream has ended")]
    Ended,
    #[error("an answer to another batch")]
    OutOfStep,
}

impl Lost {
    pub(super) fn note(&self, items: &[DeliverItem]) {
        metrics().pushes.add(devices(items), Pushed::Lost);
        let mut lost = self.lock();
        for target in items.iter().flat_map(|item| &item.targets) {
            // What is noted again may be older than what is there.
            let latest = lost.entry(target.device_id.clone()).or_default();
            *latest = target.connection_id.max(*latest);
        }
    }

    fn take(&self) -> Option<DeliverItem> {
        let lost = std::mem::take(&mut *self.lock());
        let targets: Vec<_> = lost
            .into_iter()
            .map(|(device_id, connection_id)| Target {
                device_id,
                connection_id,
            })
            .collect();
        (!targets.is_empty()).then_some(DeliverItem {
            targets,
            push: Some(Push::Resync(ResyncPush {})),
            traceparent: String::new(),
        })
    }

    fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Bytes, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link {
    pub(super) fn new(channel: Channel, deadline: Duration, lost: Lost) -> Self {
        Self {
            client: GatewayServiceClient::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES),
            deadline,
            lost,
            breaker: Breaker::default(),
            stream: None,
            batch_id: 0,
        }
    }

    /// Runs until the queue is closed, or has been empty for `idle`.
    pub(super) async fn run(
        mut self,
        mut batches: mpsc::Receiver<Vec<DeliverItem>>,
        idle: Duration,
    ) {
        loop {
            let Some(items) = self.next(&mut batches, idle).await else {
                return;
            };
            for batch in split(items) {
                self.deliver(batch).await;
            }
        }
    }

    /// All that waits; nothing, once a pause has ended, so that the lost are told.
    async fn next(
        &self,
        batches: &mut mpsc::Receiver<Vec<DeliverItem>>,
        idle: Duration,
    ) -> Option<Vec<DeliverItem>> {
        let retry_at = if self.lost.is_empty() {
            None
        } else {
            Some(
                self.breaker
                    .until()
                    .unwrap_or_else(|| Instant::now() + self.deadline),
            )
        };
        let until = retry_at.unwrap_or_else(|| Instant::now() + idle);
        let mut items = match tokio::time::timeout_at(until, batches.recv()).await {
            Ok(items) => items?,
            Err(_) if retry_at.is_some() => Vec::new(),
            Err(_) => {
                // What came in this moment still goes.
                batches.close();
                batches.recv().await?
            }
        };
        while let Ok(more) = batches.try_recv() {
            items.extend(more);
        }
        Some(items)
    }

    async fn deliver(&mut self, mut items: Vec<DeliverItem>) {
        if !self.breaker.allows(Instant::now()) {
            self.lost.note(&items);
            return;
        }
        items.extend(self.lost.take());
        if items.is_empty() {
            return;
        }
        let spans = go_on(&mut items);
        let began = Instant::now();
        match self.send_again(&items).await {
            Ok(missed) => {
                metrics().batches.record(began.elapsed(), ());
                let delivered = devices(&items).saturating_sub(missed);
                metrics().pushes.add(delivered, Pushed::Delivered);
                metrics().pushes.add(missed, Pushed::Missed);
                self.breaker.succeeded();
            }
            Err(cause) => {
                tracing::warn!(%cause, "a batch to a gateway was lost: its devices resync");
                for span in &spans {
                    span.fail(Pushed::Lost.value());
                }
                self.stream = None;
                self.lost.note(&items);
                self.breaker.failed(Instant::now());
            }
        }
    }

    /// A stream that has stood for a while may have ended with its connection's age: that alone
    /// loses nothing.
    async fn send_again(&mut self, items: &[DeliverItem]) -> Result<usize, LinkError> {
        let stood = self.stream.is_some();
        match self.send(items.to_vec()).await {
            Err(LinkError::Status(_) | LinkError::Ended) if stood => {
                self.stream = None;
                self.send(items.to_vec()).await
            }
            sent => sent,
        }
    }

    /// Returns how many devices have no socket there any more.
    async fn send(&mut self, items: Vec<DeliverItem>) -> Result<usize, LinkError> {
        let deadline = Instant::now() + self.deadline;
        if self.stream.is_none() {
            self.stream = Some(tokio::time::timeout_at(deadline, self.connect()).await??);
        }
        self.batch_id += 1;
        let request = DeliverRequest {
            batch_id: self.batch_id,
            items,
        };
        let stream = self.stream.as_mut().ok_or(LinkError::Ended)?;
        stream
            .requests
            .send(request)
            .await
            .map_err(|_| LinkError::Ended)?;
        let answer = tokio::time::timeout_at(deadline, stream.responses.message()).await??;
        match answer {
            Some(answer) if answer.batch_id == self.batch_id => {
                let missed = answer.results.iter();
                Ok(missed.map(|result| result.missed_device_ids.len()).sum())
            }
            Some(_) => Err(LinkError::OutOfStep),
            None => Err(LinkError::Ended),
        }
    }

    async fn connect(&mut self) -> Result<Stream, tonic::Status> {
        let (requests, queued) = mpsc::channel(1);
        let responses = self.client.deliver(ReceiverStream::new(queued)).await?;
        Ok(Stream {
            requests,
            responses: responses.into_inner(),
        })
    }
}

/// Begins the delivery of each item whose trace is sampled; the gateway goes on with it.
fn go_on(items: &mut [DeliverItem]) -> Vec<Span> {
    let mut spans = Vec::new();
    for item in items {
        let of = TraceContext::from_traceparent(&item.traceparent);
        let span = Span::continued("fanout.deliver", Side::Producer, of);
        item.traceparent = span.traceparent();
        spans.extend(span.is_sampled().then_some(span));
    }
    spans
}

fn devices(items: &[DeliverItem]) -> usize {
    items.iter().map(|item| item.targets.len()).sum()
}

/// Cuts at the size of a request; an item alone always goes. No items make one empty batch.
fn split(items: Vec<DeliverItem>) -> VecDeque<Vec<DeliverItem>> {
    let mut batches = VecDeque::from([Vec::new()]);
    let mut size = 0;
    for item in items {
        let length = item.encoded_len();
        let full = size > 0 && size + length > BATCH_BYTES;
        if full {
            batches.push_back(Vec::new());
            size = 0;
        }
        size += length;
        if let Some(batch) = batches.back_mut() {
            batch.push(item);
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_whose_batches_are_lost_is_told_under_its_latest_connection() {
        let lost = Lost::default();
        for connection_id in [7, 9, 8] {
            let target = Target {
                device_id: Bytes::from_static(b"device"),
                connection_id,
            };
            lost.note(&[DeliverItem {
                targets: vec![target],
                ..DeliverItem::default()
            }]);
        }
        let told = lost.take().unwrap().targets;
        assert_eq!(told.first().unwrap().connection_id, 9);
        assert!(lost.is_empty());
    }
}
