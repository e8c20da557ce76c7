//! I12: a revoked device, or one of which nobody can say whether it is, is served no longer. Open
//! sockets are probed ten times a second.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};
use xchat_adapter_embedded::EmbeddedDirectoryStore;
use xchat_integration_tests::{
    House, Shape,
    raw::{Device, Link},
};
use xchat_ports::{Clock as _, DirectoryStore as _};
use xchat_proto::{
    client::{ResumeRequest, client_frame::Body as Ask, server_frame::Body as Tell},
    common::Reason,
};

use crate::{SERVER, ambient::Ambient, house};

const DEVICES: usize = 10;
const PROBED_EVERY: Duration = Duration::from_millis(100);
/// Design: p99 of a revocation, and always.
const SOON: Duration = Duration::from_secs(5);
const ALWAYS: Duration = Duration::from_secs(30);

/// An open socket, and whether its device is revoked.
struct Socket {
    link: Link,
    device: Device,
    revoked: bool,
}

/// When a socket was answered last, and why it was not answered any more.
struct End {
    socket: Socket,
    served: Instant,
    why: Option<Reason>,
}

async fn sockets(house: &House) -> Vec<Socket> {
    let mut sockets = Vec::new();
    for number in 0..DEVICES {
        let device = Device::new();
        let gateways = house.gateways();
        let gateway = &gateways[number % gateways.len()];
        let link = Link::open(gateway, &device, true).await;
        sockets.push(Socket {
            link,
            device,
            revoked: number % 2 == 0,
        });
    }
    sockets
}

/// Asks for marks until there is no answer, or until it is enough.
async fn probe(mut socket: Socket, enough: Instant) -> End {
    let mut ticks = interval(PROBED_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut served = Instant::now();
    let mut why = None;
    while Instant::now() < enough {
        ticks.tick().await;
        match socket.link.try_ask(Ask::Resume(ResumeRequest {})).await {
            Some(Tell::Resume(_)) => served = Instant::now(),
            // Identity is away, say: that is no service either, but no end.
            Some(Tell::Error(error)) => why = Some(error.reason()),
            Some(answer) => panic!("{answer:?}"),
            None => break,
        }
    }
    for push in &socket.link.pushes {
        if let Tell::GoingAwayPush(push) = push {
            why = Some(push.reason());
        }
    }
    End {
        socket,
        served,
        why,
    }
}

async fn ends(sockets: Vec<Socket>, enough: Instant) -> Vec<End> {
    let probes: JoinSet<_> = sockets
        .into_iter()
        .map(|socket| probe(socket, enough))
        .collect();
    probes.join_all().await
}

/// Nothing revokes a device yet: the row is written as identity will, while identity is away.
#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_devices_open_socket_is_dead_within_seconds_and_no_others() {
    let mut house = House::with(SERVER, Shape::FourProcesses, &[]);
    let sockets = sockets(&house).await;
    house.kill_one("identity");
    let folder = house.folder().join("data/directory");
    let directory = EmbeddedDirectoryStore::open(&folder, Arc::new(Ambient)).unwrap();
    let minute = Ambient.now().0 / 60_000;
    for socket in sockets.iter().filter(|socket| socket.revoked) {
        let noted = directory.append_revocation(minute, socket.device.mls.id());
        noted.await.unwrap();
    }
    drop(directory);
    house.start_one("identity");
    let can_be_read = Instant::now();
    for end in ends(sockets, can_be_read + SOON + SOON).await {
        let served = end.served.saturating_duration_since(can_be_read);
        if end.socket.revoked {
            assert!(served < SOON, "a revoked device was served for {served:?}");
            assert_eq!(end.why, Some(Reason::DeviceRevoked));
        } else {
            assert!(
                served > SOON,
                "no longer served after {served:?}: {:?}",
                end.why
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_served_for_long_while_revocations_cannot_be_read_and_all_are_afterwards() {
    let house = house(Shape::FourProcesses);
    let sockets = sockets(&house).await;
    house.pause("identity");
    let away = Instant::now();
    let ends = ends(sockets, away + ALWAYS + SOON).await;
    for end in &ends {
        let served = end.served - away;
        assert!(served < ALWAYS, "served for {served:?} without revocations");
        assert!(served > SOON, "cut off after {served:?}: {:?}", end.why);
        assert_eq!(end.why, Some(Reason::Unavailable));
    }
    house.resume("identity");
    for mut end in ends {
        let again = async {
            let device = &mut end.socket.device;
            while Link::try_open(house.public(), device).await.is_none() {
                sleep(PROBED_EVERY).await;
            }
        };
        timeout(ALWAYS, again).await.expect("served again");
    }
}
