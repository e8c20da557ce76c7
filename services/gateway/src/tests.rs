//! What becomes of open sockets when their devices are revoked, by the workers of a gateway.

use std::sync::Mutex;

use async_trait::async_trait;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use xchat_adapter_memory::SeededRng;
use xchat_auth::revocation::{Minute, RevocationSource, SourceError};
use xchat_ports::Clock;
use xchat_runtime::{channel, tasks::Tasks};
use xchat_types::{DeviceId, Millis};

use super::*;
use crate::socket::mailbox::Mailbox;

/// A wall clock that goes with the paused time of the test.
#[derive(Debug)]
struct PausedClock(Instant);

impl Clock for PausedClock {
    fn now(&self) -> Millis {
        let elapsed = u64::try_from(self.0.elapsed().as_millis()).unwrap();
        Millis(1_700_000_000_000 + elapsed)
    }
}

/// An edge whose services answer nothing.
pub(crate) fn edge() -> Arc<Edge> {
    deaf().0
}

fn deaf() -> (Arc<Edge>, Pump) {
    let nobody = || channel::pair().0;
    let deps = Deps {
        identity: nobody(),
        fanout: nobody(),
        presence: nobody(),
        clock: Arc::new(PausedClock(Instant::now())),
        rng: Arc::new(SeededRng::new(1)),
        tasks: Tasks::new(),
        address: String::new(),
        open_files: None,
    };
    super::edge(&Config::default(), deps)
}

/// What identity says of revocations; `None`: it does not answer.
#[derive(Debug)]
struct Source(Mutex<Option<Vec<DeviceId>>>);

impl Source {
    fn say(&self, revoked: Option<Vec<DeviceId>>) {
        *self.0.lock().unwrap() = revoked;
    }
}

#[async_trait]
impl RevocationSource for Source {
    async fn read(&self, _: Minute, _: Minute) -> Result<Vec<DeviceId>, SourceError> {
        let said = self.0.lock().unwrap().clone();
        said.ok_or(SourceError::Deadline)
    }
}

/// Two open sockets in a gateway whose workers run. Dropping it stops them.
struct Gateway {
    source: Arc<Source>,
    devices: [DeviceId; 2],
    sockets: [Arc<Mailbox>; 2],
    _running: JoinSet<()>,
}

impl Gateway {
    fn start() -> Self {
        let source = Arc::new(Source(Mutex::new(Some(Vec::new()))));
        let (mut edge, pump) = deaf();
        let clock = Arc::clone(&edge.clock);
        Arc::get_mut(&mut edge).unwrap().revocations =
            Arc::new(RevocationList::new(Arc::clone(&source) as _, clock));
        let devices = [1, 2].map(|byte| DeviceId::new([byte; 16]));
        let sockets = devices.map(|device| {
            let mailbox = Arc::new(Mailbox::new(1_000, 10));
            assert!(edge.registry.insert(device, 1, &mailbox));
            mailbox
        });
        let mut running = JoinSet::new();
        for worker in workers(&edge, pump) {
            if worker.name.starts_with("gateway-revo") {
                let run = (worker.run)(CancellationToken::new());
                running.spawn(async move { run.await.unwrap() });
            }
        }
        Self {
            source,
            devices,
            sockets,
            _running: running,
        }
    }

    fn closing(&self) -> [Option<Reason>; 2] {
        self.sockets.each_ref().map(|socket| socket.take().closing)
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_socket_ends_within_seconds_of_its_devices_revocation() {
    let gateway = Gateway::start();
    gateway.source.say(Some(vec![DeviceId::new([9; 16])]));
    sleep(Duration::from_mins(1)).await;
    gateway.source.say(Some(vec![gateway.devices[0]]));
    let [revoked, _] = &gateway.sockets;
    let closed = timeout(Duration::from_secs(5), revoked.closing()).await;
    closed.expect("closed in time");
    assert_eq!(gateway.closing(), [Some(Reason::DeviceRevoked), None]);
}

#[tokio::test(start_paused = true)]
async fn every_socket_ends_when_revocations_were_not_read_for_long() {
    let gateway = Gateway::start();
    sleep(Duration::from_secs(10)).await;
    gateway.source.say(None);
    sleep(Duration::from_secs(20)).await;
    assert_eq!(gateway.closing(), [None, None], "they may be read again");
    for socket in &gateway.sockets {
        let closed = timeout(Duration::from_secs(10), socket.closing()).await;
        closed.expect("closed in time");
    }
}
