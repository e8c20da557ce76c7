//! Stored rows, byte for byte: they must be readable for ever.
//!
//! After a change that is meant (before v0.1.0 only) the file is written anew from the test's own
//! message.

use std::fmt::Write as _;

use xchat_proto::{Message, events};

use crate::{
    house::{House, easy},
    person::{Person, refresh},
    signup::revoke,
};

const GOLDEN: &str = include_str!("../../../../testdata/identity/rows.txt");

#[tokio::test]
async fn rows_are_stored_as_the_golden_file_says() {
    let house = House::memory(&easy());
    let alice = Person::new(1);
    alice.register(&house, "alice").await;
    let mut lines = String::new();
    let mut note = |name: &str, row: &[u8]| {
        writeln!(lines, "{name} {}", hex::encode(row)).unwrap();
    };
    let directory = &house.directory;
    let account = directory.read_account(alice.account()).await.unwrap();
    note("account", &account.unwrap());
    assert!(alice.set_username(&house, "alicia").await.is_ok());
    let account = directory.read_account(alice.account()).await.unwrap();
    note("account-renamed", &account.unwrap());
    let retiring = events::AccountRow {
        root_public_key: vec![1; 32].into(),
        created_at_ms: 1,
        name_hash: vec![2; 32].into(),
        retiring_name_hash: vec![3; 32].into(),
    };
    note("account-retiring", &retiring.encode_to_vec());
    let (_, device) = directory
        .read_device(alice.device_id())
        .await
        .unwrap()
        .unwrap();
    note("device", &device);

    let token = alice.login(&house).await.refresh_token;
    let session = directory.read_session(alice.device_id()).await.unwrap();
    note("session", &session.unwrap());
    house.clock.advance(1_000);
    for _ in 0..2 {
        let _ = refresh(&house, alice.refresh_request(&house, &token)).await;
        let session = directory.read_session(alice.device_id()).await.unwrap();
        note("session-refreshed", &session.unwrap());
    }
    revoke(&house, &alice).await;
    let (_, device) = directory
        .read_device(alice.device_id())
        .await
        .unwrap()
        .unwrap();
    note("device-revoked", &device);
    assert_eq!(lines, GOLDEN, "stored rows have changed; now:\n{lines}");
}

#[test]
fn the_golden_rows_say_what_they_mean() {
    let row = |name: &str| {
        let line = GOLDEN.lines().find(|line| line.starts_with(name)).unwrap();
        hex::decode(line.split_once(' ').unwrap().1).unwrap()
    };
    let account = events::AccountRow::decode(row("account ").as_slice()).unwrap();
    assert_eq!(
        account.root_public_key,
        Person::new(1).root.public().as_ref()
    );
    assert_eq!(account.created_at_ms, 1_700_000_000_000);
    assert_eq!(account.name_hash.len(), 32);
    assert!(account.retiring_name_hash.is_empty());
    let device = events::DeviceRow::decode(row("device ").as_slice()).unwrap();
    assert_eq!(device.certificate.len(), 169);
    assert_eq!(device.revoked_at_ms, 0);
    let session = events::SessionRow::decode(row("session ").as_slice()).unwrap();
    assert_eq!((session.generation, session.ended), (0, false));
    let revoked = events::DeviceRow::decode(row("device-revoked ").as_slice()).unwrap();
    assert_eq!(revoked.revoked_at_ms, 1_700_000_001_000);
}
