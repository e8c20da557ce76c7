//! Two people meet and talk.

use xchat_core::{Command, Event, Phase, Recipient};

use crate::world::{ALICE, BOB, World};

#[test]
fn two_people_meet_by_name_and_talk_both_ways() {
    let mut world = World::two();
    let ticket = world.send(ALICE, "bob", "hello\u{1b}[31m Bob");
    world.settle();
    assert_eq!(world.hosts[ALICE].sent(), [ticket]);
    let (alice, bob) = (world.account(ALICE), world.account(BOB));
    assert!(
        world.hosts[BOB].has(|event| matches!(event,
            Event::RequestReceived { account, name: Some(name), message, .. }
                if *account == alice
                    && name == "alice"
                    && message.text().as_deref() == Some("hello\u{1b}[31m Bob"))),
        "{:?}",
        world.told()
    );

    let peer = Recipient::Name("alice".to_owned());
    world.command(BOB, Command::Accept { peer });
    world.settle();
    assert!(
        world.hosts[ALICE].has(
            |event| matches!(event, Event::RequestAccepted { account, .. } if *account == bob)
        )
    );
    assert!(world.hosts[BOB].has(|event| matches!(event, Event::Accepted { .. })));

    world.send(BOB, "alice", "hi Alice");
    world.send(ALICE, "bob", "how are you?");
    world.send(BOB, "alice", "fine");
    world.settle();
    let id = world.hosts[ALICE].engine().conversations()[0].id;
    let texts = |world: &World, index: usize| -> Vec<String> {
        let rows = world.hosts[index].history(id).into_iter();
        rows.map(|row| row.text().unwrap()).collect()
    };
    assert_eq!(texts(&world, ALICE), texts(&world, BOB));
    assert_eq!(texts(&world, ALICE).len(), 4);
    assert_eq!(world.hosts[BOB].received().len(), 2);
    assert_eq!(world.hosts[ALICE].received(), ["hi Alice", "fine"]);
    for host in &mut world.hosts {
        assert_eq!(host.engine().conversations()[0].phase, Phase::Open);
    }
    let ids: Vec<_> = world.hosts[ALICE].history(id);
    let same: Vec<_> = world.hosts[BOB].history(id);
    for (one, other) in ids.iter().zip(&same) {
        assert_eq!(one.message_id(&id), other.message_id(&id));
        assert_eq!(one.accepted_at, other.accepted_at);
    }
}
