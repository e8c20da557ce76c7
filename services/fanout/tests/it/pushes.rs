//! What gateways are pushed, and who is told when a push was lost.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::timeout;
use xchat_adapter_memory::MemoryRouting;
use xchat_fanout::Config;
use xchat_ports::{
    MessageStore, PortResult, Routing,
    routing::{Refreshed, Route},
};
use xchat_proto::{
    client::{DeliveredRecord, Withheld, delivered_record::Content},
    gateway::deliver_item::Push,
};
use xchat_runtime::config::HumanDuration;
use xchat_types::{ControlKind, DeviceId, Outcome, RefuseReason};

use crate::{
    house::{GATEWAY, House, engines, quick},
    rig::Rig,
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

    let gap = Act::Say(Say {
        who: 1,
        size: 9,
        lag: 0,
        off: 3,
        class: 3,
        expired: false,
    });
    submit(&mut house, &mut world, &gap).await;
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
    let gateway = crate::house::Gateway::default();
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
    assert!(rig.tasks.stop(Duration::from_secs(20)).await);
}

/// Routes that can't be read while it is away.
#[derive(Debug)]
struct Away {
    routes: Arc<MemoryRouting>,
    away: AtomicBool,
}

#[async_trait]
impl Routing for Away {
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
        if self.away.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        self.routes.lookup(devices).await
    }
}

/// A rebalance gives the flush a second, and drops it.
#[tokio::test]
async fn a_flush_that_is_given_up_at_its_second_look_is_done_by_the_next() {
    let mut world = World::new();
    for act in met() {
        for (bytes, _) in records(&mut world, &act) {
            world.append(bytes);
        }
    }
    let bob = world.people[1].id();
    let mut rig = Rig::new(&world.log);
    let gateway = crate::house::Gateway::default();
    rig.gateways = rig
        .gateways
        .clone()
        .with(GATEWAY, gateway.serve(&rig.tasks));
    let routing = Arc::new(Away {
        routes: Arc::clone(&rig.routing),
        away: AtomicBool::new(false),
    });
    let (log, store) = (Arc::new(rig.log.clone()), Arc::new(rig.store.clone()));
    let mut worker = rig.worker_with(log, store, Arc::clone(&routing) as _);
    worker.fold().await.unwrap();
    routing.away.store(true, Ordering::Relaxed);
    let flush = timeout(Duration::from_millis(200), worker.step.flush()).await;
    assert!(flush.is_err(), "it was not at its second look: {flush:?}");
    let route = Route {
        device: bob,
        gateway: GATEWAY.to_owned(),
        connection: 7,
    };
    assert!(rig.routing.set(&route, 60_000).await.unwrap());
    routing.away.store(false, Ordering::Relaxed);
    worker.step.flush().await.unwrap();
    gateway.wait(bob, |push| delivered(push, 3).is_some()).await;
    assert!(rig.tasks.stop(Duration::from_secs(20)).await);
}
