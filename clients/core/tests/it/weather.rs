//! What networks do: answers that are lost, pushes that come twice or in another order, sockets that
//! die at any frame. Seeds are printed by a failure.

use xchat_core::{Command, Event, Recipient};
use xchat_proto::client::{self, server_frame::Body};
use xchat_types::Sequence;

use crate::{
    host::Seeded,
    world::{ALICE, BOB, Weather, World},
};

fn storm(world: &mut World, seed: u64, weather: Weather) {
    world.dice = Seeded(seed);
    world.weather = weather;
    world.connect(ALICE);
    world.connect(BOB);
    world.send(ALICE, "bob", "0");
    world.settle();
    let peer = Recipient::Name("alice".to_owned());
    world.command(BOB, Command::Accept { peer });
    world.settle();
    for round in 0..6 {
        for (from, to) in [(ALICE, "bob"), (BOB, "alice")] {
            world.send(from, to, &format!("{round} to {to}"));
            world.send(from, to, &format!("{round} again to {to}"));
        }
        if round % 2 == 0 {
            world.settle();
        }
    }
    world.settle();
    world.weather = Weather::default();
    world.settle();
}

#[test]
fn whatever_the_network_does_both_histories_are_equal_and_whole() {
    let prepared = World::two();
    let weathers = [
        Weather {
            lose_answer: 6,
            ..Weather::default()
        },
        Weather {
            double_push: 2,
            swap_pushes: 2,
            ..Weather::default()
        },
        Weather {
            drop_socket: 9,
            ..Weather::default()
        },
        Weather {
            lose_answer: 15,
            double_push: 4,
            swap_pushes: 3,
            drop_socket: 25,
        },
    ];
    let mut trouble_met = 0;
    for (kind, weather) in weathers.into_iter().enumerate() {
        for seed in 0..6 {
            let mut world = prepared.restarted();
            storm(&mut world, seed, weather);
            let context = format!("weather {kind}, seed {seed}");
            let view = world.hosts[ALICE].view();
            assert_eq!(view, world.hosts[BOB].view(), "{context}");
            assert_eq!(view.len(), 25, "{context}: {view:?}");
            for to in ["alice", "bob"] {
                let order: Vec<&String> = view.iter().filter(|text| text.ends_with(to)).collect();
                let mut sorted = order.clone();
                sorted.sort_by_key(|text| (text.chars().next(), text.contains("again")));
                assert_eq!(
                    order, sorted,
                    "{context}: one sender's texts keep their order"
                );
            }
            for host in &world.hosts {
                let bad = |event: &Event| {
                    matches!(
                        event,
                        Event::Security { .. } | Event::Suspended { .. } | Event::NotSent { .. }
                    )
                };
                assert!(!host.has(bad), "{context}: {:?}", world.told());
                trouble_met += host.sockets - 1;
            }
        }
    }
    assert!(trouble_met > 20, "sockets died only {trouble_met} times");
}

#[test]
fn marks_alone_bring_everything_when_no_push_ever_comes() {
    let mut world = World::two();
    world.befriend();
    world.relay.pushes = false;
    for round in 0..3 {
        world.send(ALICE, "bob", &format!("unpushed {round}"));
        world.settle();
        world.disconnect(BOB);
        world.connect(BOB);
        world.settle();
    }
    assert_eq!(world.hosts[BOB].view().len(), 4);
    assert_eq!(world.hosts[ALICE].view(), world.hosts[BOB].view());
}

#[test]
fn a_device_that_was_away_for_more_than_a_page_pulls_until_it_has_all() {
    let mut world = World::two();
    world.befriend();
    world.disconnect(BOB);
    for number in 0..30 {
        world.send(ALICE, "bob", &format!("{number}"));
    }
    world.settle();
    assert_eq!(world.hosts[ALICE].sent().len(), 31);
    world.connect(BOB);
    world.settle();
    assert_eq!(world.hosts[BOB].view().len(), 31);
    assert!(world.relay.marks.is_empty());
}

/// Pushes bring what a pull asks before its answer comes, and another one shows that there is more.
#[test]
fn a_gap_that_a_push_shows_is_not_forgotten_over_an_answer_that_brings_nothing_new() {
    let mut world = World::two();
    let id = world.befriend();
    let device = world.hosts[BOB].device.unwrap();
    // What is pushed to Bob from here on, this test decides.
    world.relay.routes.remove(&device);
    let send_two = |world: &mut World, texts: [&str; 2]| {
        let before = world.relay.logs[&id].head();
        for text in texts {
            world.send(ALICE, "bob", text);
        }
        world.drain();
        let records = world.relay.logs[&id].records(&device, before);
        assert_eq!(records.len(), 2, "both are in the log");
        records
    };
    let push = |world: &mut World, records: &[client::DeliveredRecord]| {
        let records = records.to_vec();
        world.inject(BOB, Body::DeliverPush(client::DeliverPush { records }));
    };

    let first = send_two(&mut world, ["one", "two"]);
    push(&mut world, &first[1..]);
    let ask = world.hosts[BOB].outgoing.pop_front().unwrap();
    let host = &mut world.hosts[BOB];
    let answer = world.relay.answer(&mut host.device, &mut world.dice, ask);
    let Some(Body::Pull(pulled)) = &answer.body else {
        panic!("the gap makes it pull: {answer:?}");
    };
    assert_eq!(pulled.head_sequence, first[1].sequence);

    let later = send_two(&mut world, ["three", "four"]);
    push(&mut world, &first);
    push(&mut world, &later[1..]);
    world.deliver(BOB, answer);
    world.drain();
    assert_eq!(
        world.hosts[BOB].view(),
        ["may I?", "one", "two", "three", "four"],
        "what the answer did not bring is pulled"
    );
    let last = Sequence(later[1].sequence);
    assert_eq!(world.relay.acked[&(device, id)], last);
}
