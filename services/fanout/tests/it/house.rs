//! The whole service over gRPC in the process, with a gateway that keeps what it is pushed.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::sync::Notify;
use tonic::{Request, Response, Status, Streaming};
use xchat_adapter_memory::{ManualClock, MemoryEventLog, MemoryMessageStore, MemoryRouting};
use xchat_fanout::{Config, Deps, PartitionKey};
use xchat_ports::{Clock, EventLog, MessageStore, Routing, routing::Route};
use xchat_proto::{
    client, common, convert,
    fanout::{
        AckRequest, FetchOutcomesRequest, FetchTreeRequest, FetchWelcomesRequest, ListMarksRequest,
        PullRequest, SubmitItem, SubmitRequest, fanout_service_client::FanoutServiceClient,
        submit_result::Result as Submitted,
    },
    gateway::{
        DeliverRequest, DeliverResponse, DeliverResult,
        deliver_item::Push,
        gateway_service_server::{GatewayService, GatewayServiceServer},
    },
};
use xchat_runtime::{
    Tasks,
    channel::{Channel, Dialer, Remote, in_process},
    config::HumanDuration,
    status::failure,
};
use xchat_types::{ConversationId, DeviceId, Epoch, Incarnation, Sequence, WelcomeRef};

use crate::world::START;

/// What has not come by then does not come.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

pub(crate) const GATEWAY: &str = "gateway-1";

/// What a gateway was pushed: device and push, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gateway {
    pushed: Arc<Mutex<Vec<(DeviceId, Push)>>>,
    /// Batches that it will swallow without an answer.
    deaf: Arc<Mutex<u32>>,
    came: Arc<Notify>,
}

type Answers = std::pin::Pin<Box<dyn Stream<Item = Result<DeliverResponse, Status>> + Send>>;

#[tonic::async_trait]
impl GatewayService for Gateway {
    type DeliverStream = Answers;

    async fn deliver(
        &self,
        request: Request<Streaming<DeliverRequest>>,
    ) -> Result<Response<Answers>, Status> {
        let gateway = self.clone();
        let answers = request.into_inner().filter_map(move |batch| {
            let answer = gateway.take(batch);
            async move { answer }
        });
        Ok(Response::new(Box::pin(answers)))
    }
}

impl Gateway {
    fn take(
        &self,
        batch: Result<DeliverRequest, Status>,
    ) -> Option<Result<DeliverResponse, Status>> {
        let batch = batch.ok()?;
        let mut deaf = self.deaf.lock().unwrap();
        if *deaf > 0 {
            *deaf -= 1;
            return None;
        }
        let mut pushed = self.pushed.lock().unwrap();
        let results = batch.items.iter().map(|item| {
            for target in &item.targets {
                let device = DeviceId::try_from(target.device_id.as_ref()).unwrap();
                pushed.push((device, item.push.clone().unwrap()));
            }
            DeliverResult::default()
        });
        let results = results.collect();
        self.came.notify_waiters();
        Some(Ok(DeliverResponse {
            batch_id: batch.batch_id,
            results,
        }))
    }

    /// Serves it in this process.
    pub(crate) fn serve(&self, tasks: &Tasks) -> Channel {
        let server = GatewayServiceServer::new(self.clone());
        in_process("gateway", tonic::service::Routes::new(server), tasks)
    }

    pub(crate) fn be_deaf(&self, batches: u32) {
        *self.deaf.lock().unwrap() = batches;
    }

    pub(crate) fn pushed(&self, device: DeviceId) -> Vec<Push> {
        let pushed = self.pushed.lock().unwrap();
        let own = pushed.iter().filter(|(to, _)| *to == device);
        own.map(|(_, push)| push.clone()).collect()
    }

    /// Waits for a push to a device that is as wanted.
    pub(crate) async fn wait(&self, device: DeviceId, wanted: impl Fn(&Push) -> bool) -> Push {
        let found = tokio::time::timeout(PATIENCE, self.find(device, wanted)).await;
        found.expect("the push comes")
    }

    async fn find(&self, device: DeviceId, wanted: impl Fn(&Push) -> bool) -> Push {
        loop {
            let came = self.came.notified();
            tokio::pin!(came);
            came.as_mut().enable();
            if let Some(found) = self.pushed(device).into_iter().find(|push| wanted(push)) {
                return found;
            }
            came.await;
        }
    }
}

pub(crate) struct House {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<dyn MessageStore>,
    pub(crate) routing: Arc<MemoryRouting>,
    pub(crate) gateway: Gateway,
    pub(crate) tasks: Tasks,
    pub(crate) client: FanoutServiceClient<Channel>,
}

/// Engines in memory, without faults.
pub(crate) fn engines() -> (Arc<ManualClock>, Arc<dyn EventLog>, Arc<dyn MessageStore>) {
    let clock = Arc::new(ManualClock::new(*START));
    let shared: Arc<dyn Clock> = Arc::clone(&clock) as _;
    let log = Arc::new(MemoryEventLog::new(4, Arc::clone(&shared)));
    (clock, log, Arc::new(MemoryMessageStore::new(shared)))
}

impl House {
    pub(crate) fn start() -> Self {
        let (clock, log, store) = engines();
        Self::on(clock, log, store, &Config::default())
    }

    /// Starts the service on engines.
    pub(crate) fn on(
        clock: Arc<ManualClock>,
        log: Arc<dyn EventLog>,
        store: Arc<dyn MessageStore>,
        config: &Config,
    ) -> Self {
        let tasks = Tasks::new();
        let gateway = Gateway::default();
        let gateways = Dialer::new(Remote::plain("gateway")).with(GATEWAY, gateway.serve(&tasks));
        let routing = Arc::new(MemoryRouting::new(Arc::clone(&clock) as _));
        let deps = Deps {
            log,
            store: Arc::clone(&store),
            routing: Arc::clone(&routing) as _,
            clock: Arc::clone(&clock) as _,
            partition_key: PartitionKey::new([7; 32]),
            gateways,
            tasks: tasks.clone(),
        };
        let parts = xchat_fanout::build(config, deps);
        for worker in parts.workers {
            tasks.spawn(worker.name, (worker.run)(tasks.soft().clone()));
        }
        let channel = in_process("fanout", parts.routes.unwrap(), &tasks);
        Self {
            clock,
            store,
            routing,
            gateway,
            tasks,
            client: FanoutServiceClient::new(channel),
        }
    }

    pub(crate) async fn stop(self) {
        drop(self.client);
        assert!(self.tasks.stop(std::time::Duration::from_secs(20)).await);
    }

    pub(crate) async fn connect(&self, device: DeviceId) {
        let route = Route {
            device,
            gateway: GATEWAY.to_owned(),
            connection: 1,
        };
        assert!(self.routing.set(&route, 3_600_000_000).await.unwrap());
    }

    /// Submits a batch; for each record the reason it was not taken for, if it was not.
    pub(crate) async fn submit(
        &mut self,
        records: Vec<(ConversationId, Bytes)>,
    ) -> Vec<Option<common::Reason>> {
        let items = records
            .into_iter()
            .map(|(conversation, record)| SubmitItem {
                record,
                traceparent: String::new(),
                conversation_id: convert::id_bytes(&conversation),
            });
        let batch = SubmitRequest {
            batch_id: 3,
            items: items.collect(),
        };
        let batches = futures_util::stream::iter([batch]);
        let mut answers = self.client.submit(batches).await.unwrap().into_inner();
        let answer = answers.message().await.unwrap().unwrap();
        assert_eq!(answer.batch_id, 3);
        let reason = |result: Submitted| match result {
            Submitted::Accepted(_) => None,
            Submitted::Error(error) => Some(error.reason()),
        };
        let results = answer.results.into_iter();
        results
            .map(|result| reason(result.result.unwrap()))
            .collect()
    }

    pub(crate) async fn pull(
        &mut self,
        device: DeviceId,
        conversation: ConversationId,
        after: u64,
    ) -> Result<client::PullResponse, common::Reason> {
        let request = PullRequest {
            device_id: convert::id_bytes(&device),
            pull: Some(client::PullRequest {
                conversation_id: convert::id_bytes(&conversation),
                after_sequence: after,
                limit: 0,
            }),
        };
        let answer = self.client.pull(request).await;
        answer
            .map(|answer| answer.into_inner().pull.unwrap())
            .map_err(|status| failure(&status).reason())
    }

    pub(crate) async fn ack(
        &mut self,
        device: DeviceId,
        conversation: ConversationId,
        sequence: u64,
    ) -> Result<(), common::Reason> {
        let request = AckRequest {
            device_id: convert::id_bytes(&device),
            acks: vec![client::AckRequest {
                conversation_id: convert::id_bytes(&conversation),
                sequence,
            }],
        };
        let answer = self.client.ack(request).await;
        answer.map(drop).map_err(|status| failure(&status).reason())
    }

    pub(crate) async fn marks(&mut self, device: DeviceId) -> Vec<Sequence> {
        let request = ListMarksRequest {
            device_id: convert::id_bytes(&device),
            list_marks: Some(client::ListMarksRequest::default()),
        };
        let answer = self.client.list_marks(request).await.unwrap().into_inner();
        let marks = answer.list_marks.unwrap();
        assert!(marks.next_marks_after.is_empty());
        marks
            .marks
            .iter()
            .map(|mark| Sequence(mark.sequence))
            .collect()
    }

    pub(crate) async fn outcomes(
        &mut self,
        device: DeviceId,
        conversation: ConversationId,
    ) -> client::FetchOutcomesResponse {
        let request = FetchOutcomesRequest {
            device_id: convert::id_bytes(&device),
            fetch_outcomes: Some(client::FetchOutcomesRequest {
                conversation_id: convert::id_bytes(&conversation),
            }),
        };
        let answer = self.client.fetch_outcomes(request).await.unwrap();
        answer.into_inner().fetch_outcomes.unwrap()
    }

    pub(crate) async fn welcomes(&mut self, device: DeviceId) -> Vec<client::Welcome> {
        let request = FetchWelcomesRequest {
            device_id: convert::id_bytes(&device),
        };
        self.client
            .fetch_welcomes(request)
            .await
            .unwrap()
            .into_inner()
            .welcomes
    }

    pub(crate) async fn ack_welcome(&mut self, device: DeviceId, reference: WelcomeRef) {
        let request = xchat_proto::fanout::AckWelcomeRequest {
            device_id: convert::id_bytes(&device),
            welcome_ref: convert::id_bytes(&reference),
        };
        self.client.ack_welcome(request).await.unwrap();
    }

    pub(crate) async fn tree(
        &mut self,
        device: DeviceId,
        conversation: ConversationId,
        epoch: Epoch,
    ) -> Result<client::FetchTreeResponse, common::Reason> {
        let request = FetchTreeRequest {
            device_id: convert::id_bytes(&device),
            fetch_tree: Some(client::FetchTreeRequest {
                conversation_id: convert::id_bytes(&conversation),
                epoch: epoch.0,
                incarnation: Incarnation(0).0,
            }),
        };
        let answer = self.client.fetch_tree(request).await;
        answer
            .map(|answer| answer.into_inner().fetch_tree.unwrap())
            .map_err(|status| failure(&status).reason())
    }

    /// Waits until the device can pull everything up to a sequence.
    pub(crate) async fn wait_for(
        &mut self,
        device: DeviceId,
        conversation: ConversationId,
        sequence: u64,
    ) {
        let patience = tokio::time::Instant::now() + PATIENCE;
        loop {
            let pulled = self.pull(device, conversation, 0).await;
            if pulled.is_ok_and(|pulled| pulled.head_sequence >= sequence) {
                return;
            }
            assert!(
                tokio::time::Instant::now() < patience,
                "{sequence} is folded"
            );
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    }
}

/// Marks are flushed soon, so that tests wait for little.
pub(crate) fn quick() -> Config {
    Config {
        mark_interval: HumanDuration::from_millis(5),
        commit_interval: HumanDuration::from_millis(5),
        ..Config::default()
    }
}
