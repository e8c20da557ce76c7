//! What all sockets of a gateway share.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Semaphore;
use tonic::Status;
use xchat_auth::{KeySet, RevocationList, Verifier};
use xchat_ports::{Clock, Rng};
use xchat_proto::{
    API_VERSION, client,
    identity::{DescribeResponse, identity_service_client::IdentityServiceClient},
};
use xchat_runtime::{channel::Channel, tasks::Tasks};
use xchat_types::{Millis, ServerId, limits};

use crate::{
    config::Config,
    domain::{admission::Sizes, pace::Pace},
    registry::Registry,
    socket::lobby::Lobby,
    upstream::{fanout::Fanout, leases::Leases},
};

/// Shared state: settings, upstream clients, the table of sockets. Nothing that correctness needs.
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) config: Config,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: Arc<dyn Rng>,
    pub(crate) tasks: Tasks,
    pub(crate) revocations: Arc<RevocationList>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) pace: Pace,
    pub(crate) fanout: Fanout,
    pub(crate) leases: Leases,
    pub(crate) sockets: Arc<Semaphore>,
    pub(crate) lobby: Arc<Lobby>,
    pub(crate) identity: IdentityServiceClient<Channel>,
    pub(crate) authority: RwLock<Option<Arc<Authority>>>,
}

/// What identity says of the installation, and the verifier made of it.
#[derive(Debug)]
pub(crate) struct Authority {
    pub(crate) description: DescribeResponse,
    pub(crate) server: ServerId,
    pub(crate) verifier: Verifier,
}

impl Authority {
    fn new(
        description: DescribeResponse,
        revocations: &Arc<RevocationList>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, Status> {
        let server = ServerId::try_from(description.server_id.as_ref())
            .map_err(|error| Status::internal(format!("identity's server id: {error}")))?;
        let keys = KeySet::from_json(&description.jwks_json)
            .map_err(|error| Status::internal(format!("identity's key set: {error}")))?;
        let verifier = Verifier::new(&server, keys, Arc::clone(revocations), Arc::clone(clock));
        Ok(Self {
            description,
            server,
            verifier,
        })
    }
}

impl Edge {
    pub(crate) fn now(&self) -> Millis {
        self.clock.now()
    }

    pub(crate) fn sizes(&self) -> Sizes {
        let bytes =
            |size: xchat_runtime::config::ByteSize| usize::try_from(size.0).unwrap_or(usize::MAX);
        Sizes {
            application: bytes(self.config.application_bytes),
            handshake: bytes(self.config.handshake_bytes),
        }
    }

    /// What identity says of this installation; asked once, then kept fresh by a worker.
    pub(crate) async fn authority(&self) -> Result<Arc<Authority>, Status> {
        let known = self
            .authority
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        match known {
            Some(authority) => Ok(authority),
            None => self.refresh_authority().await,
        }
    }

    pub(crate) async fn refresh_authority(&self) -> Result<Arc<Authority>, Status> {
        let request = xchat_proto::identity::DescribeRequest {};
        let description = self.identity.clone().describe(request).await?.into_inner();
        let authority = Authority::new(description, &self.revocations, &self.clock)?;
        let authority = Arc::new(authority);
        *self
            .authority
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&authority));
        Ok(authority)
    }

    /// The answer to Hello.
    pub(crate) fn hello(&self, authority: &Authority) -> client::HelloResponse {
        let description = &authority.description;
        client::HelloResponse {
            server_id: description.server_id.clone(),
            server_public_key: description.server_public_key.clone(),
            server_name: description.server_name.clone(),
            api_version: API_VERSION,
            time_ms: self.now().0,
            signup_gate: description.signup_gate,
            limits: Some(client::Limits {
                application_bytes: self.config.application_bytes.0,
                handshake_bytes: self.config.handshake_bytes.0,
                frame_bytes: limits::MAX_FRAME as u64,
                unacknowledged: u64::from(self.config.unacknowledged),
                idle_ms: self.config.idle.as_millis(),
            }),
        }
    }

    /// A moment within the reconnect spread, so that devices do not come back all at once.
    pub(crate) fn reconnect_after_ms(&self) -> u64 {
        let spread = self.config.reconnect_spread.as_millis();
        u64::from_be_bytes(xchat_ports::ambient::random(&*self.rng)) % spread.max(1)
    }
}
