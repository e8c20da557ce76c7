//! Revocation as verifiers of other processes see it, over the RPC.

use xchat_auth::{Minute, TokenError};
use xchat_proto::{common::Reason, identity::ListRevocationsRequest};

use crate::{
    house::{House, easy, reason},
    person::Person,
    sessions::verifier,
};

#[tokio::test]
async fn a_revoked_devices_token_is_dead_at_the_next_read_and_without_reads_every_token_is() {
    for house in House::each(&easy()) {
        let (alice, bob) = (Person::new(1), Person::new(2));
        alice.register(&house, "").await;
        bob.register(&house, "").await;
        let (of_alice, of_bob) = (alice.login(&house).await, bob.login(&house).await);
        let verifier = verifier(&house).await;
        let minute = Minute::of(house.now()).0;
        let noted = house.directory.append_revocation(minute, alice.device_id());
        noted.await.unwrap();
        house.clock.advance(2_000);
        verifier.revocations().refresh().await.unwrap();
        let dead = verifier.verify(&of_alice.access_token);
        assert_eq!(dead, Err(TokenError::Revoked));
        assert!(verifier.verify(&of_bob.access_token).is_ok());

        house.clock.advance(25_001);
        let unknown = verifier.verify(&of_bob.access_token);
        assert_eq!(unknown, Err(TokenError::RevocationsUnknown));
    }
}

#[tokio::test]
async fn a_verifier_that_starts_later_reads_what_was_revoked_before() {
    let house = House::memory(&easy());
    let alice = Person::new(1);
    alice.register(&house, "").await;
    let session = alice.login(&house).await;
    let minute = Minute::of(house.now()).0;
    let noted = house.directory.append_revocation(minute, alice.device_id());
    noted.await.unwrap();
    house.clock.advance(299_000);
    let late = verifier(&house).await;
    assert_eq!(late.verify(&session.access_token), Err(TokenError::Revoked));
}

#[tokio::test]
async fn a_span_of_minutes_is_one_to_sixty() {
    let house = House::memory(&easy());
    let list = async |from_minute, to_minute| {
        let request = ListRevocationsRequest {
            from_minute,
            to_minute,
        };
        house.client().list_revocations(request).await
    };
    let answer = list(10, 69).await.unwrap().into_inner();
    assert_eq!(answer.now_minute, Minute::of(house.now()).0);
    assert_eq!(reason(list(10, 70).await), Reason::Malformed);
    assert_eq!(reason(list(10, 9).await), Reason::Malformed);
    assert_eq!(reason(list(0, u64::MAX).await), Reason::Malformed);
}
