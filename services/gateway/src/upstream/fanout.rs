//! Submissions of all sockets go to fanout over one stream of batches: whatever has come together
//! while the last batch was written. Each item has its own answer; order is kept.

use std::{collections::HashMap, future::Future, time::Duration};

use prost::Message as _;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};
use xchat_proto::{
    common::{Error, Reason},
    fanout::{
        SubmitItem, SubmitRequest, SubmitResponse, fanout_service_client::FanoutServiceClient,
        submit_result,
    },
};
use xchat_runtime::{channel::Channel, status::failure};

use crate::socket::answer::error;

/// Submissions that may wait for the stream; beyond, devices are told to retry.
const QUEUE: usize = 4_096;
const BATCH_ITEMS: usize = 256;
/// Below what a peer decodes (1 MiB), with one whole handshake record to spare.
const BATCH_BYTES: usize = 448 * 1_024;
const BATCHES_IN_FLIGHT: usize = 16;
const DEADLINE: Duration = Duration::from_secs(5);

type Reply = oneshot::Sender<Result<(), Error>>;

#[derive(Debug)]
struct Pending {
    item: SubmitItem,
    reply: Reply,
}

/// Handle for sockets.
#[derive(Debug)]
pub(crate) struct Fanout {
    client: FanoutServiceClient<Channel>,
    queue: mpsc::Sender<Pending>,
}

/// The task behind it.
#[derive(Debug)]
pub(crate) struct Pump {
    client: FanoutServiceClient<Channel>,
    queue: mpsc::Receiver<Pending>,
    next_batch: u64,
}

pub(crate) fn connect(channel: Channel) -> (Fanout, Pump) {
    let client = FanoutServiceClient::new(channel);
    let (sender, receiver) = mpsc::channel(QUEUE);
    let pump = Pump {
        client: client.clone(),
        queue: receiver,
        next_batch: 1,
    };
    (
        Fanout {
            client,
            queue: sender,
        },
        pump,
    )
}

impl Fanout {
    pub(crate) fn client(&self) -> FanoutServiceClient<Channel> {
        self.client.clone()
    }

    /// Takes the item's place in the order at once; the future waits for the log. An error after
    /// that means unknown: the device sends the same again.
    pub(crate) fn submit(
        &self,
        item: SubmitItem,
    ) -> Result<impl Future<Output = Result<(), Error>> + Send + 'static, Error> {
        let (reply, answer) = oneshot::channel();
        self.queue
            .try_send(Pending { item, reply })
            .map_err(|_| Error {
                retry_after_ms: 500,
                ..error(
                    Reason::Overloaded,
                    "the server has more to do than it can: wait a little",
                )
            })?;
        Ok(async move {
            match tokio::time::timeout(DEADLINE, answer).await {
                Ok(Ok(result)) => result,
                Ok(Err(_)) => Err(unknown(Reason::Unavailable)),
                Err(_) => Err(unknown(Reason::Timeout)),
            }
        })
    }
}

fn unknown(reason: Reason) -> Error {
    Error {
        retry_after_ms: 500,
        ..error(
            reason,
            "not known whether the server has it: the same again is safe",
        )
    }
}

impl Pump {
    /// Keeps a stream open until stopped; a broken one is opened again.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut backoff = Duration::from_millis(50);
        while let Some(opened) = stop.run_until_cancelled(self.session()).await {
            match opened {
                Ok(()) => return,
                Err(status) => {
                    tracing::warn!(code = ?status.code(), "submit stream broke, opening it again");
                    if stop
                        .run_until_cancelled(tokio::time::sleep(backoff))
                        .await
                        .is_none()
                    {
                        return;
                    }
                    backoff = (backoff * 2).min(Duration::from_secs(2));
                }
            }
        }
    }

    /// One stream; `Ok` when no more sockets are there to submit.
    async fn session(&mut self) -> Result<(), Status> {
        let (batches, outgoing) = mpsc::channel(BATCHES_IN_FLIGHT);
        let stream = self.client.submit(ReceiverStream::new(outgoing)).await?;
        let mut answers: Streaming<SubmitResponse> = stream.into_inner();
        let mut open: HashMap<u64, Vec<Reply>> = HashMap::new();
        let mut carried: Option<Pending> = None;
        loop {
            let room = open.len() < BATCHES_IN_FLIGHT;
            tokio::select! {
                first = next(&mut self.queue, &mut carried), if room => {
                    let Some(first) = first else { return Ok(()) };
                    let (batch, replies) = self.gather(first, &mut carried);
                    open.insert(batch.batch_id, replies);
                    batches.send(batch).await.map_err(|_| Status::unavailable("stream closed"))?;
                }
                answer = answers.message() => {
                    let answer = answer?.ok_or_else(|| Status::unavailable("stream ended"))?;
                    settle(open.remove(&answer.batch_id), answer);
                }
            }
        }
    }

    /// Everything that waits, as far as it fits one batch.
    fn gather(
        &mut self,
        first: Pending,
        carried: &mut Option<Pending>,
    ) -> (SubmitRequest, Vec<Reply>) {
        let mut bytes = first.item.encoded_len();
        let (mut items, mut replies) = (vec![first.item], vec![first.reply]);
        while items.len() < BATCH_ITEMS {
            let Ok(pending) = self.queue.try_recv() else {
                break;
            };
            bytes = bytes.saturating_add(pending.item.encoded_len());
            if bytes > BATCH_BYTES {
                *carried = Some(pending);
                break;
            }
            items.push(pending.item);
            replies.push(pending.reply);
        }
        let batch_id = self.next_batch;
        self.next_batch = self.next_batch.wrapping_add(1);
        (SubmitRequest { batch_id, items }, replies)
    }
}

async fn next(
    queue: &mut mpsc::Receiver<Pending>,
    carried: &mut Option<Pending>,
) -> Option<Pending> {
    match carried.take() {
        Some(pending) => Some(pending),
        None => queue.recv().await,
    }
}

fn settle(replies: Option<Vec<Reply>>, answer: SubmitResponse) {
    for (reply, result) in replies.unwrap_or_default().into_iter().zip(answer.results) {
        let result = match result.result {
            Some(submit_result::Result::Accepted(_)) => Ok(()),
            Some(submit_result::Result::Error(error)) => Err(error),
            None => Err(failure(&Status::internal("empty result"))),
        };
        // A socket that has gone meanwhile finds the outcome when it comes back.
        let _ = reply.send(result);
    }
}
