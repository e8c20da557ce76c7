//! Welcomes that lead nowhere leave a device as it was.

use xchat_mls::{Invitation, Suite, WelcomeBytes, group::JoinError};
use xchat_types::{ConversationId, Incarnation};

use crate::{
    person::{CONVERSATION, Person, adding, gather, removing},
    server::Server,
};

struct Scene {
    server: Server,
    joiner: Person,
    welcome: WelcomeBytes,
}

fn scene(last_resort: bool) -> Scene {
    let [mut a, mut joiner] = [1, 2].map(Person::new);
    let mut server = Server::new();
    gather(&mut server, Suite::Classical, &mut [&mut a]);
    let now = crate::server::now();
    let made = joiner
        .packages
        .generate(&joiner.device, Suite::Classical, now, last_resort);
    let (header, bundle) = a.commit(&adding(vec![made.unwrap().bytes]));
    let mut effect = server.submit(&header, &bundle).unwrap();
    let welcome = effect.added.remove(0).welcome;
    Scene {
        server,
        joiner,
        welcome,
    }
}

#[test]
fn a_one_time_package_is_used_up_and_a_last_resort_one_stays() {
    for last_resort in [false, true] {
        let mut scene = scene(last_resort);
        scene.joiner.packages.take_changes();
        scene
            .joiner
            .join(&scene.welcome, &scene.server.tree())
            .unwrap();
        assert_eq!(
            scene.joiner.packages.references().len(),
            usize::from(last_resort)
        );
        assert_eq!(
            scene.joiner.packages.take_changes().len(),
            usize::from(!last_resort)
        );
        if !last_resort {
            let again = scene.joiner.join(&scene.welcome, &scene.server.tree());
            assert_eq!(again, Err(JoinError::CannotOpen));
        }
    }
}

#[test]
fn a_welcome_that_fails_changes_nothing_and_can_be_tried_again() {
    let Scene {
        server,
        mut joiner,
        welcome,
    } = scene(false);
    let tree = server.tree();
    let mut other_server = Server::new();
    gather(
        &mut other_server,
        Suite::Classical,
        &mut [&mut Person::new(7)],
    );
    let mut cut = welcome.as_bytes().to_vec();
    cut.pop();
    let mut bent = welcome.as_bytes().to_vec();
    let last = bent.len() - 1;
    bent[last] ^= 1;
    for (welcome, tree, expected) in [
        (welcome.clone(), other_server.tree(), JoinError::CannotOpen),
        (welcome.clone(), Vec::new().into(), JoinError::Malformed),
        (cut.into(), tree.clone(), JoinError::Malformed),
        (bent.into(), tree.clone(), JoinError::CannotOpen),
    ] {
        assert_eq!(joiner.join(&welcome, &tree), Err(expected));
        assert_eq!(
            joiner.packages.references().len(),
            1,
            "the package is still there"
        );
    }
    for (conversation, incarnation) in [
        (ConversationId::new([9; 32]), Incarnation(0)),
        (CONVERSATION, Incarnation(1)),
    ] {
        let invitation = Invitation {
            conversation,
            incarnation,
            welcome: &welcome,
            tree: &tree,
        };
        let joined = xchat_mls::Group::join(&mut joiner.packages, &joiner.device, &invitation);
        assert_eq!(joined.err(), Some(JoinError::OtherGroup));
    }
    assert_eq!(
        joiner.packages.take_changes().len(),
        1,
        "made, and not used up"
    );
    joiner.join(&welcome, &tree).unwrap();
}

#[test]
fn somebody_elses_welcome_cannot_be_opened() {
    let Scene {
        server, welcome, ..
    } = scene(false);
    let mut thief = Person::new(5);
    thief.package(Suite::Classical);
    assert_eq!(
        thief.join(&welcome, &server.tree()),
        Err(JoinError::CannotOpen)
    );
}

#[test]
fn a_last_resort_package_gives_every_welcome_a_name_of_its_own() {
    let [mut a, mut joiner] = [1, 3].map(Person::new);
    let now = crate::server::now();
    let made = joiner
        .packages
        .generate(&joiner.device, Suite::Classical, now, true)
        .unwrap();
    let mut server = Server::new();
    gather(&mut server, Suite::Classical, &mut [&mut a]);
    let mut added = Vec::new();
    for change in [
        adding(vec![made.bytes.clone()]),
        removing(&[1]),
        adding(vec![made.bytes]),
    ] {
        let (header, bundle) = a.commit(&change);
        added.extend(server.submit(&header, &bundle).unwrap().added);
        a.apply(&server, &header, &bundle).unwrap();
    }
    assert_eq!(
        [added[0].key_package, added[1].key_package],
        [made.reference; 2]
    );
    assert_ne!(added[0].welcome_ref, added[1].welcome_ref);
}
