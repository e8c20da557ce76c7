//! Stored snapshots.

use xchat_mls::{Snapshot, SnapshotError, Suite};

use crate::{
    person::{Person, gather},
    server::Server,
};

fn snapshot() -> Snapshot {
    let mut server = Server::new();
    let [mut a, mut b] = [1, 2].map(Person::new);
    gather(&mut server, Suite::Classical, &mut [&mut a, &mut b]);
    server.snapshot().clone()
}

#[test]
fn a_snapshot_survives_its_bytes() {
    let snapshot = snapshot();
    let again = Snapshot::from_bytes(&snapshot.to_bytes()).unwrap();
    assert_eq!(again, snapshot);
    assert_eq!(again.group_id(), snapshot.group_id());
    assert_eq!((again.epoch().0, again.suite()), (1, Suite::Classical));
    assert_eq!(again.leaves().unwrap().len(), 2);
}

#[test]
fn every_damaged_or_missing_byte_is_noticed() {
    let bytes = snapshot().to_bytes();
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        assert_eq!(Snapshot::from_bytes(&damaged), Err(SnapshotError::Damaged));
        assert_eq!(
            Snapshot::from_bytes(&bytes[..at]),
            Err(SnapshotError::Damaged)
        );
    }
}

#[test]
fn snapshots_and_groups_may_move_between_threads() {
    const fn assert_send<T: Send>() {}
    const fn assert_sync<T: Sync>() {}
    assert_send::<Snapshot>();
    assert_sync::<Snapshot>();
    assert_send::<xchat_mls::Group>();
    assert_send::<xchat_mls::KeyPackages>();
}
