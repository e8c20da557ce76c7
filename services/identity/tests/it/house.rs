//! The service on a directory, with a client and a clock.

use std::{sync::Arc, time::Duration};

use tempfile::TempDir;
use tonic::{Response, Status};
use xchat_adapter_embedded::EmbeddedDirectoryStore;
use xchat_adapter_memory::{ManualClock, MemoryDirectoryStore, SeededRng};
use xchat_auth::InstallationKeys;
use xchat_identity::{Config, Deps};
use xchat_ports::{Clock, DirectoryStore};
use xchat_proto::{
    common::Reason,
    identity::{ChallengeRequest, DescribeRequest, identity_service_client::IdentityServiceClient},
};
use xchat_runtime::{
    Tasks,
    channel::{self, Channel},
    status,
};
use xchat_types::Millis;

pub(crate) type Client = IdentityServiceClient<Channel>;

pub(crate) struct House {
    pub(crate) client: Client,
    pub(crate) channel: Channel,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) keys: Arc<InstallationKeys>,
    pub(crate) directory: Arc<dyn DirectoryStore>,
    tasks: Tasks,
    /// Of the embedded directory.
    pub(crate) folder: Option<TempDir>,
}

/// No proof of work: for tests that are not about it.
pub(crate) fn easy() -> Config {
    Config {
        proof_effort: 0,
        proof_target_bits: 0,
        ..Config::default()
    }
}

impl House {
    pub(crate) fn on(directory: Arc<dyn DirectoryStore>, config: &Config) -> Self {
        Self::assemble(directory, config, Arc::default(), None)
    }

    pub(crate) fn memory(config: &Config) -> Self {
        Self::on(Arc::new(MemoryDirectoryStore::new()), config)
    }

    pub(crate) fn embedded(config: &Config) -> Self {
        Self::open(tempfile::tempdir().unwrap(), Arc::default(), config)
    }

    fn open(folder: TempDir, clock: Arc<ManualClock>, config: &Config) -> Self {
        let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let directory = EmbeddedDirectoryStore::open(folder.path(), shared).unwrap();
        Self::assemble(Arc::new(directory), config, clock, Some(folder))
    }

    /// The same folder under a new process's service.
    pub(crate) async fn restarted(self, config: &Config) -> Self {
        let (folder, clock) = (self.folder.unwrap(), self.clock);
        drop((self.client, self.channel));
        assert!(self.tasks.stop(Duration::from_secs(5)).await);
        drop(self.directory);
        Self::open(folder, clock, config)
    }

    /// One house on each directory.
    pub(crate) fn each(config: &Config) -> Vec<Self> {
        vec![Self::memory(config), Self::embedded(config)]
    }

    fn assemble(
        directory: Arc<dyn DirectoryStore>,
        config: &Config,
        clock: Arc<ManualClock>,
        folder: Option<TempDir>,
    ) -> Self {
        let rng = Arc::new(SeededRng::new(7));
        let keys = Arc::new(InstallationKeys::generate(&SeededRng::new(1)));
        let deps = Deps {
            directory: Arc::clone(&directory),
            keys: Arc::clone(&keys),
            clock: Arc::<ManualClock>::clone(&clock),
            rng,
        };
        let parts = xchat_identity::build(config, deps).unwrap();
        let tasks = Tasks::new();
        let channel = channel::in_process(parts.name, parts.routes.unwrap(), &tasks);
        Self {
            client: Client::new(channel.clone()),
            channel,
            clock,
            keys,
            directory,
            tasks,
            folder,
        }
    }

    pub(crate) fn now(&self) -> Millis {
        self.clock.now()
    }

    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    pub(crate) async fn challenge(&self) -> xchat_proto::client::ChallengeResponse {
        let request = ChallengeRequest { challenge: None };
        let answer = self.client().challenge(request).await.unwrap();
        answer.into_inner().challenge.unwrap()
    }

    pub(crate) async fn describe(&self) -> xchat_proto::identity::DescribeResponse {
        let answer = self.client().describe(DescribeRequest {}).await.unwrap();
        answer.into_inner()
    }
}

/// The reason of a refusal.
pub(crate) fn reason<T: std::fmt::Debug>(answer: Result<Response<T>, Status>) -> Reason {
    let failure = status::failure(&answer.expect_err("a refusal"));
    assert!(failure.message.ends_with('.'), "{}", failure.message);
    failure.reason()
}
