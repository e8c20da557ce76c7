//! What gateways are pushed, and who is told when a push was lost.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::timeout;
use xchat_adapter_memory::MemoryRouting;
use xchat_fanout::Config;
use xchat_ports::{
    MessageStore, PortError, PortResult, Routing,
    routing::{Refreshed, Route},
};
use xchat_proto::{
    client::{DeliveredRecord, Withheld, delivered_record::Content},
    gateway::deliver_item::Push,
};
use xchat_runtime::{Tasks, config::HumanDuration};
use xchat_types::{ControlKind, DeviceId, Outcome, RefuseReason};

use crate::{
    house::{GATEWAY, Gateway, House, engines, quick},
    rig::{Rig, Worker},
    script::{Act, Say, commit, control, records, say},
    stepping::Stepping,
    world::{CONVERSATION, World},
};

async fn submit(house: &mut House, world: &mut World, act: &Act) {
    for (bytes, _) in records(world, act) {
        house.clock.set(world.now.saturating_add(7));
        world.append(bytes.clone());
        assert_eq!(house.submit(vec![(CONVERSATION, bytes)]).await, [None]);
    }
    let device = world.people[0].id();
    let head = world.conversation.head.sequence.0;
    house.wait_for(device, CONVERSATION, head).await;
}

fn met() -> [Act; 4] {
    let accept = control(1, ControlKind::Accept);
    [
        Act::Genesis { who: 0 },
        commit(0, Some((true, 1))),
        say(0),
        accept,
    ]
}

/// A message of the second person whose counter is not the next.
const fn too_early() -> Act {
    Act::Say(Say {
        who: 1,
        size: 9,
        lag: 0,
        off: 3,
        class: 3,
        expired: false,
    })
}

fn delivered(push: &Push, sequence: u64) -> Option<DeliveredRecord> {
    let Push::Deliver(push) = push else {
        return None;
    };
    push.records
        .iter()
        .find(|record| record.sequence == sequence)
        .cloned()
}

#[tokio::test]
async fn others_get_the_ciphertext_the_sender_its_stub_and_the_added_device_its_welcome() {
    let (clock, log, store) = engines();
    let mut house = House::on(clock, log, store, &quick());
    let mut world = World::new();
    let [alice, bob] = [0, 1].map(|who| world.people[who].id());
    for device in [alice, bob] {
        house.connect(device).await;
    }
    for act in met() {
        submit(&mut house, &mut world, &act).await;
    }
    let push = house
        .gateway
        .wait(bob, |push| delivered(push, 3).is_some())
        .await;
    let record = delivered(&push, 3).unwrap();
    assert!(matches!(record.content, Some(Content::Payload(payload)) if payload.len() == 100));
    let push = house
        .gateway
        .wait(alice, |push| delivered(push, 3).is_some())
        .await;
    let own = Content::Withheld(Withheld::Own.into());
    assert_eq!(delivered(&push, 3).unwrap().content, Some(own));
    let welcome = house
        .gateway
        .wait(bob, |push| matches!(push, Push::Welcome(_)))
        .await;
    let Push::Welcome(welcome) = welcome else {
        unreachable!()
    };
    assert_eq!(welcome.welcome.unwrap().sequence, 2);
    house
        .gateway
        .wait(bob, |push| delivered(push, 4).is_some())
        .await;

    submit(&mut house, &mut world, &too_early()).await;
    let told = house
        .gateway
        .wait(bob, |push| matches!(push, Push::Outcome(_)))
        .await;
    let Push::Outcome(told) = told else {
        unreachable!()
    };
    let outcome = Outcome::try_from(&told.outcome.unwrap()).unwrap();
    let refused = matches!(outcome, Outcome::Refused(RefuseReason::CounterGap { .. }));
    assert!(refused, "{outcome:?}");
    house.stop().await;
}

#[tokio::test]
async fn a_device_whose_push_was_lost_with_its_stream_is_told_to_resync() {
    let (clock, log, store) = engines();
    let config = Config {
        deliver_deadline: HumanDuration::from_millis(100),
        ..quick()
    };
    let mut house = House::on(clock, log, store, &config);
    let mut world = World::new();
    let alice = world.people[0].id();
    house.connect(alice).await;
    house.gateway.be_deaf(1);
    submit(&mut house, &mut world, &Act::Genesis { who: 0 }).await;
    house
        .gateway
        .wait(alice, |push| matches!(push, Push::Resync(_)))
        .await;
    let pushed = house.gateway.pushed(alice);
    assert!(
        pushed.iter().all(|push| delivered(push, 1).is_none()),
        "it was lost"
    );
    submit(&mut house, &mut world, &say(0)).await;
    house
        .gateway
        .wait(alice, |push| delivered(push, 2).is_some())
        .await;
    house.stop().await;
}

/// The device registers its route and reads its marks just before they are written: it sees none,
/// and the worker's first look saw no route.
#[tokio::test]
async fn a_device_that_connects_between_fold_and_marks_is_pushed_by_the_second_look() {
    connects_between_fold_and_marks(None).await;
}

/// The same, but the first look saw the connection that it has left.
#[tokio::test]
async fn a_device_that_changes_its_connection_between_fold_and_marks_is_pushed_again() {
    let left = Route {
        device: World::new().people[1].id(),
        gateway: "http://127.0.0.1:9".to_owned(),
        connection: 3,
    };
    connects_between_fold_and_marks(Some(left)).await;
}

async fn connects_between_fold_and_marks(before: Option<Route>) {
    let mut world = World::new();
    for act in met() {
        for (bytes, _) in records(&mut world, &act) {
            world.append(bytes);
        }
    }
    let bob = world.people[1].id();
    let mut rig = Rig::new(&world.log);
    let gateway = Gateway::default();
    rig.gateways = rig
        .gateways
        .clone()
        .with(GATEWAY, gateway.serve(&rig.tasks));
    let routing = Arc::clone(&rig.routing);
    if let Some(before) = before {
        assert_eq!(before.device, bob);
        assert!(routing.set(&before, 60_000).await.unwrap());
    }
    let hook = move |method| {
        if method == "write_marks" {
            let route = Route {
                device: bob,
                gateway: GATEWAY.to_owned(),
                connection: 7,
            };
            let set = futures_util::FutureExt::now_or_never(routing.set(&route, 60_000));
            assert!(set.unwrap().unwrap());
        }
    };
    let store: Arc<dyn MessageStore> =
        Arc::new(Stepping::hooked(Arc::new(rig.store.clone()), hook));
    let mut worker = rig.worker_on(Arc::new(rig.log.clone()), store);
    worker.turn(true).await;
    gateway.wait(bob, |push| delivered(push, 3).is_some()).await;
    gateway.wait(bob, |push| delivered(push, 4).is_some()).await;
    drop(worker);
    assert!(rig.tasks.stop(Duration::from_secs(20)).await);
}

/// How routes are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lookup {
    Answered,
    Refused,
    Silent,
}

#[derive(Debug)]
struct Moody {
    routes: Arc<MemoryRouting>,
    lookup: Mutex<Lookup>,
}

impl Moody {
    fn set(&self, lookup: Lookup) {
        *self.lookup.lock().unwrap() = lookup;
    }
}

#[async_trait]
impl Routing for Moody {
    async fn set(&self, route: &Route, lease_ms: u64) -> PortResult<bool> {
        self.routes.set(route, lease_ms).await
    }

    async fn refresh(&self, routes: &[Route], lease_ms: u64) -> PortResult<Refreshed> {
        self.routes.refresh(routes, lease_ms).await
    }

    async fn remove(&self, route: &Route) -> PortResult<()> {
        self.routes.remove(route).await
    }

    async fn lookup(&self, devices: &[DeviceId]) -> PortResult<Vec<Route>> {
        let lookup = *self.lookup.lock().unwrap();
        match lookup {
            Lookup::Answered => self.routes.lookup(devices).await,
            Lookup::Refused => Err(PortError::Unavailable("routes are away".into())),
            Lookup::Silent => std::future::pending().await,
        }
    }
}

/// A worker before a log of two people who have met, and a record of one of them that came too early,
/// its routes, and a gateway that outlives it.
struct Scene {
    rig: Rig,
    worker: Worker,
    routing: Arc<Moody>,
    gateway: Gateway,
    gateways: Tasks,
    bob: DeviceId,
}

impl Scene {
    fn new() -> Self {
        let mut world = World::new();
        for act in met().into_iter().chain([too_early()]) {
            for (bytes, _) in records(&mut world, &act) {
                world.append(bytes);
            }
        }
        let mut rig = Rig::new(&world.log);
        let (gateway, gateways) = (Gateway::default(), Tasks::new());
        rig.gateways = rig.gateways.clone().with(GATEWAY, gateway.serve(&gateways));
        let routing = Arc::new(Moody {
            routes: Arc::clone(&rig.routing),
            lookup: Mutex::new(Lookup::Answered),
        });
        let (log, store) = (Arc::new(rig.log.clone()), Arc::new(rig.store.clone()));
        let worker = rig.worker_with(log, store, Arc::clone(&routing) as _);
        Self {
            worker,
            rig,
            routing,
            gateway,
            gateways,
            bob: world.people[1].id(),
        }
    }

    async fn bob_connects(&self) {
        let route = Route {
            device: self.bob,
            gateway: GATEWAY.to_owned(),
            connection: 7,
        };
        assert!(self.rig.routing.set(&route, 60_000).await.unwrap());
    }

    async fn stop(self) {
        drop(self.worker);
        assert!(self.rig.tasks.stop(Duration::from_secs(20)).await);
        assert!(self.gateways.stop(Duration::from_secs(20)).await);
    }
}

/// A rebalance gives the flush a second, and drops it.
#[tokio::test]
async fn a_flush_that_is_given_up_at_its_second_look_is_done_by_the_next() {
    let mut scene = Scene::new();
    scene.worker.fold().await.unwrap();
    scene.routing.set(Lookup::Silent);
    let flush = timeout(Duration::from_millis(200), scene.worker.step.flush()).await;
    assert!(flush.is_err(), "it was not at its second look: {flush:?}");
    scene.bob_connects().await;
    scene.routing.set(Lookup::Answered);
    scene.worker.step.flush().await.unwrap();
    let message = |push: &Push| delivered(push, 3).is_some();
    scene.gateway.wait(scene.bob, message).await;
    scene.stop().await;
}

#[tokio::test]
async fn a_device_whose_route_could_not_be_read_resyncs_when_it_can_though_nothing_new_comes() {
    let mut scene = Scene::new();
    scene.bob_connects().await;
    scene.routing.set(Lookup::Refused);
    scene.worker.fold().await.unwrap();
    for _ in 0..3 {
        scene.worker.step.flush().await.unwrap();
        let due = scene.worker.step.flush_due_in(Duration::ZERO);
        assert_eq!(due, Some(Duration::ZERO), "it tries again by itself");
    }
    scene.routing.set(Lookup::Answered);
    scene.worker.step.flush().await.unwrap();
    let resync = |push: &Push| matches!(push, Push::Resync(_));
    scene.gateway.wait(scene.bob, resync).await;
    let due = scene.worker.step.flush_due_in(Duration::ZERO);
    assert_eq!(due, None, "nothing is owed any more");
    scene.stop().await;
}

/// The last commit goes past what the last flush pushes: nobody would push it again.
#[tokio::test]
async fn what_the_last_flush_of_a_stopping_process_pushes_still_goes_out() {
    let mut scene = Scene::new();
    scene.worker.fold().await.unwrap();
    scene.bob_connects().await;
    scene.rig.tasks.soft().cancel();
    scene.worker.step.flush().await.unwrap();
    let (gateway, bob) = (scene.gateway.clone(), scene.bob);
    scene.stop().await;
    let pushed = gateway.pushed(bob);
    assert!(pushed.iter().any(|push| delivered(push, 3).is_some()));
}

/// An outcome is in no mark: who has reconnected since could wait for it for long.
#[tokio::test]
async fn a_device_that_reconnects_between_fold_and_flush_is_told_its_outcome_and_welcome_again() {
    let mut scene = Scene::new();
    scene.worker.fold().await.unwrap();
    scene.bob_connects().await;
    scene.worker.step.flush().await.unwrap();
    let told = |push: &Push| matches!(push, Push::Outcome(_));
    scene.gateway.wait(scene.bob, told).await;
    let invited = |push: &Push| matches!(push, Push::Welcome(_));
    scene.gateway.wait(scene.bob, invited).await;
    scene.stop().await;
}
