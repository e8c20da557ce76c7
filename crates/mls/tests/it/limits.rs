//! How many.

use xchat_mls::{KeyPackageBytes, Refusal, Suite};
use xchat_types::RefuseReason;

use crate::{
    person::{Person, adding, gather},
    refusals::refusal,
    server::Server,
};

fn packages(from: u8, count: u8, suite: Suite) -> Vec<KeyPackageBytes> {
    (from..from + count)
        .map(|seed| Person::new(seed).package(suite))
        .collect()
}

#[test]
fn a_commit_adds_at_most_50_devices_of_the_hybrid_suite_and_a_group_has_at_most_100() {
    let mut a = Person::new(0);
    let mut server = Server::new();
    gather(&mut server, Suite::Hybrid, &mut [&mut a]);
    let (header, bundle) = a.commit(&adding(packages(1, 51, Suite::Hybrid)));
    let refused = refusal(server.ask(&header, &bundle));
    assert_eq!(
        (refused, refused.reason()),
        (Refusal::TooManyAdds, RefuseReason::TooLarge)
    );
    a.group().clear_pending_commit().unwrap();

    for (from, count) in [(1, 50), (51, 49)] {
        let (header, bundle) = a.commit(&adding(packages(from, count, Suite::Hybrid)));
        server.submit(&header, &bundle).unwrap();
        a.apply(&server, &header, &bundle).unwrap();
    }
    assert_eq!(server.snapshot().leaves().unwrap().len(), 100);
    let (header, bundle) = a.commit(&adding(packages(100, 1, Suite::Hybrid)));
    assert_eq!(
        refusal(server.ask(&header, &bundle)),
        Refusal::TooManyLeaves
    );
}
