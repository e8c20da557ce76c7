//! Creating an account: what is refused, and that a refusal leaves nothing.

use xchat_crypto::{Certificate, SecretKey, certificate::Grant};
use xchat_proto::{Message, common::Reason, convert::id_bytes, events::DeviceRow};
use xchat_types::{Millis, limits::CLOCK_STOP_MS};

use crate::{
    house::{House, easy, reason},
    person::{Person, login, send},
};

#[tokio::test]
async fn an_account_is_there_after_registering_and_twice_is_the_same() {
    for house in House::each(&easy()) {
        let alice = Person::new(1);
        let request = alice.registration(&house, "alice").await;
        for _ in 0..2 {
            let answer = send(&house, request.clone()).await.unwrap().into_inner();
            let account = answer.register.unwrap().account_id;
            assert_eq!(account, id_bytes(&alice.account()));
        }
        // A retry with a fresh challenge, later, and one without a name: still the same account.
        house.clock.advance(1_000);
        alice.register(&house, "alice").await;
        alice.register(&house, "").await;
        let devices = house.directory.list_devices(alice.account()).await.unwrap();
        assert_eq!(devices.len(), 1);
        assert!(alice.lookup(&house, "alice").await.is_ok());
        alice.login(&house).await;
    }
}

#[tokio::test]
async fn the_service_tells_what_clients_pin() {
    let house = House::memory(&easy());
    let description = house.describe().await;
    assert_eq!(description.server_id, id_bytes(&house.keys.server_id()));
    assert_eq!(
        description.server_public_key,
        id_bytes(&house.keys.server_public_key())
    );
    assert_eq!(description.jwks_json, house.keys.jwks_json().unwrap());
    assert_eq!(description.server_name, "xchat");
}

#[tokio::test]
async fn a_taken_username_leaves_no_account() {
    for house in House::each(&easy()) {
        let (alice, bob) = (Person::new(1), Person::new(2));
        alice.register(&house, "alice").await;
        let request = bob.registration(&house, "Alice").await;
        assert_eq!(reason(send(&house, request).await), Reason::UsernameTaken);
        assert_no_trace(&house, &bob).await;
        // Another name, and it works.
        bob.register(&house, "bob").await;
    }
}

#[tokio::test]
async fn of_sixteen_who_want_one_name_one_gets_it_and_the_others_leave_nothing() {
    for house in House::each(&easy()) {
        let people: Vec<_> = (1..=16).map(Person::new).collect();
        let mut requests = Vec::new();
        for person in &people {
            requests.push(person.registration(&house, "wanted").await);
        }
        let sent = requests.into_iter().map(|request| send(&house, request));
        let answers = futures_util::future::join_all(sent).await;
        let mut winners = 0;
        for (person, answer) in people.iter().zip(answers) {
            if answer.is_ok() {
                winners += 1;
                let found = person.lookup(&house, "wanted").await.unwrap().into_inner();
                let found = found.lookup_username.unwrap().account_id;
                assert_eq!(found, id_bytes(&person.account()));
            } else {
                assert_eq!(reason(answer), Reason::UsernameTaken);
                assert_no_trace(&house, person).await;
            }
        }
        assert_eq!(winners, 1);
    }
}

#[tokio::test]
async fn an_impossible_username_is_refused_before_anything_is_created() {
    let house = House::memory(&easy());
    let alice = Person::new(1);
    for name in ["al", "p\u{430}ypal", "with space", "-dash", &"a".repeat(33)] {
        let request = alice.registration(&house, name).await;
        assert_eq!(reason(send(&house, request).await), Reason::UsernameInvalid);
    }
    assert_no_trace(&house, &alice).await;
}

#[tokio::test]
async fn a_wrong_certificate_is_refused() {
    let house = House::memory(&easy());
    let (alice, bob) = (Person::new(1), Person::new(2));
    let good = alice.registration(&house, "").await;
    let grant = Grant {
        root: alice.root.public(),
        device: alice.device.public(),
        not_before: house.now(),
        may_certify: false,
    };
    let by_another = Certificate::issue(&grant, &bob.root);
    let for_the_root_itself = Grant {
        device: alice.root.public(),
        ..grant
    };
    let root_as_device = Certificate::issue(&for_the_root_itself, &alice.root);
    let mut flipped = good.certificate.to_vec();
    flipped[60] ^= 1;
    for certificate in [
        by_another.to_bytes(),
        root_as_device.to_bytes(),
        flipped,
        good.certificate[..168].to_vec(),
        Vec::new(),
    ] {
        let mut request = good.clone();
        request.certificate = certificate.into();
        let refusal = reason(send(&house, request).await);
        assert_eq!(refusal, Reason::CertificateInvalid);
    }
    assert_no_trace(&house, &alice).await;
}

#[tokio::test]
async fn a_certificate_from_far_in_the_future_is_a_clock_that_is_off() {
    let house = House::memory(&easy());
    let alice = Person::new(1);
    let mut request = alice.registration(&house, "").await;
    for (ahead, refused) in [(CLOCK_STOP_MS + 1, true), (CLOCK_STOP_MS, false)] {
        let grant = Grant {
            root: alice.root.public(),
            device: alice.device.public(),
            not_before: house.now().saturating_add(ahead),
            may_certify: true,
        };
        request.certificate = Certificate::issue(&grant, &alice.root).to_bytes().into();
        let answer = send(&house, request.clone()).await;
        if refused {
            assert_eq!(reason(answer), Reason::ClockSkew);
        } else {
            assert!(answer.is_ok());
        }
    }
}

#[tokio::test]
async fn a_second_device_is_not_added_by_registering() {
    let house = House::memory(&easy());
    let alice = Person::new(1);
    alice.register(&house, "").await;
    let second = Person {
        device: SecretKey::from_seed([77; 32]),
        ..alice.clone()
    };
    let request = second.registration(&house, "").await;
    let refusal = reason(send(&house, request).await);
    assert_eq!(refusal, Reason::CertificateInvalid);
    let devices = house.directory.list_devices(alice.account()).await.unwrap();
    assert_eq!(devices.len(), 1);
}

#[tokio::test]
async fn a_revoked_device_neither_registers_again_nor_logs_in() {
    for house in House::each(&easy()) {
        let alice = Person::new(1);
        alice.register(&house, "").await;
        revoke(&house, &alice).await;
        let request = alice.registration(&house, "").await;
        assert_eq!(reason(send(&house, request).await), Reason::DeviceRevoked);
        let request = alice.login_request(&house).await;
        assert_eq!(reason(login(&house, request).await), Reason::DeviceRevoked);
    }
}

/// Marks the device's row, as the revocation of a device will.
pub(crate) async fn revoke(house: &House, person: &Person) {
    let found = house.directory.read_device(person.device_id()).await;
    let (account, row) = found.unwrap().unwrap();
    let mut row = DeviceRow::decode(row).unwrap();
    row.revoked_at_ms = house.now().0;
    let row = row.encode_to_vec().into();
    let device = person.device_id();
    let written = house.directory.write_device(account, device, row).await;
    written.unwrap();
}

pub(crate) async fn assert_no_trace(house: &House, person: &Person) {
    let directory = &house.directory;
    assert_eq!(
        directory.read_account(person.account()).await.unwrap(),
        None
    );
    assert_eq!(
        directory.read_device(person.device_id()).await.unwrap(),
        None
    );
    let devices = directory.list_devices(person.account()).await.unwrap();
    assert!(devices.is_empty());
}

#[tokio::test]
async fn a_request_that_cannot_be_read_is_malformed() {
    let house = House::memory(&easy());
    let empty = xchat_proto::identity::RegisterRequest { register: None };
    let answer = house.client().register(empty).await;
    assert_eq!(reason(answer), Reason::Malformed);
    assert_eq!(house.now(), Millis(1_700_000_000_000), "the clock is ours");
}
