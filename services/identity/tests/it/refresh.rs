//! Refresh tokens: rotation, reuse, binding to the device.

use xchat_identity::Config;
use xchat_proto::{client::Session, common::Reason};
use xchat_runtime::config::HumanDuration;

use crate::{
    house::{House, easy, reason},
    person::{Person, refresh},
    sessions::verifier,
    signup::revoke,
};

async fn house_with_session(config: &Config) -> (House, Person, Session) {
    let house = House::memory(config);
    let alice = Person::new(1);
    alice.register(&house, "").await;
    let session = alice.login(&house).await;
    (house, alice, session)
}

async fn renewed(house: &House, person: &Person, token: &[u8]) -> Session {
    let request = person.refresh_request(house, token);
    let answer = refresh(house, request).await.unwrap().into_inner();
    answer.refresh.unwrap().session.unwrap()
}

#[tokio::test]
async fn a_refresh_gives_new_tokens_time_after_time() {
    for house in House::each(&easy()) {
        let alice = Person::new(1);
        alice.register(&house, "").await;
        let mut session = alice.login(&house).await;
        for _ in 0..3 {
            house.clock.advance(240_000);
            let next = renewed(&house, &alice, &session.refresh_token).await;
            assert_ne!(next.refresh_token, session.refresh_token);
            assert_eq!(next.access_expires_at_ms, house.now().0 + 300_000);
            assert!(verifier(&house).await.verify(&next.access_token).is_ok());
            session = next;
        }
    }
}

#[tokio::test]
async fn a_spent_token_ends_the_session_for_both_holders() {
    for house in House::each(&easy()) {
        let alice = Person::new(1);
        alice.register(&house, "").await;
        let first = alice.login(&house).await.refresh_token;
        let second = renewed(&house, &alice, &first).await.refresh_token;
        for token in [&first, &second] {
            let request = alice.refresh_request(&house, token);
            assert_eq!(reason(refresh(&house, request).await), Reason::SessionEnded);
        }
        // The device itself is well, and logs in again.
        let fresh = alice.login(&house).await.refresh_token;
        renewed(&house, &alice, &fresh).await;
    }
}

#[tokio::test]
async fn of_sixteen_uses_at_once_at_most_one_succeeds_and_the_session_is_over() {
    for house in House::each(&easy()) {
        let alice = Person::new(1);
        alice.register(&house, "").await;
        let token = alice.login(&house).await.refresh_token;
        let sent = (0..16).map(|_| refresh(&house, alice.refresh_request(&house, &token)));
        let answers = futures_util::future::join_all(sent).await;
        let (renewed, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        assert!(renewed.len() <= 1);
        for answer in refused {
            assert_eq!(reason(answer), Reason::SessionEnded);
        }
        if let Some(Ok(answer)) = renewed.into_iter().next() {
            let next = answer.into_inner().refresh.unwrap().session.unwrap();
            let request = alice.refresh_request(&house, &next.refresh_token);
            assert_eq!(reason(refresh(&house, request).await), Reason::SessionEnded);
        }
    }
}

#[tokio::test]
async fn a_new_login_ends_the_former_session() {
    let (house, alice, former) = house_with_session(&easy()).await;
    alice.login(&house).await;
    let request = alice.refresh_request(&house, &former.refresh_token);
    assert_eq!(reason(refresh(&house, request).await), Reason::SessionEnded);
}

#[tokio::test]
async fn a_stolen_token_is_worth_nothing_without_the_devices_key() {
    let (house, alice, session) = house_with_session(&easy()).await;
    let mallory = Person::new(2);
    mallory.register(&house, "").await;
    let token = &session.refresh_token;
    // Under the thief's own device.
    let request = mallory.refresh_request(&house, token);
    assert_eq!(reason(refresh(&house, request).await), Reason::SessionEnded);
    // In the name of the robbed one.
    let mut request = mallory.refresh_request(&house, token);
    request.device_id = xchat_proto::convert::id_bytes(&alice.device_id());
    assert_eq!(reason(refresh(&house, request).await), Reason::BadSignature);
    // An old signature over another token.
    let other = renewed(&house, &alice, token).await;
    let mut request = alice.refresh_request(&house, token);
    request.refresh_token = other.refresh_token.clone();
    assert_eq!(reason(refresh(&house, request).await), Reason::BadSignature);
    renewed(&house, &alice, &other.refresh_token).await;
}

#[tokio::test]
async fn an_invented_token_an_idle_session_a_skewed_clock_and_a_revoked_device_are_refused() {
    let config = Config {
        session_life: HumanDuration::from_secs(3_600),
        ..easy()
    };
    let (house, alice, session) = house_with_session(&config).await;
    let token = &session.refresh_token;
    for invented in [&[][..], &[0; 56], &token[..55]] {
        let request = alice.refresh_request(&house, invented);
        assert_eq!(reason(refresh(&house, request).await), Reason::SessionEnded);
    }
    let skewed = alice.refresh_request(&house, token);
    house.clock.advance(13 * 3_600_000);
    assert_eq!(reason(refresh(&house, skewed).await), Reason::ClockSkew);
    let idle = alice.refresh_request(&house, token);
    assert_eq!(reason(refresh(&house, idle).await), Reason::SessionEnded);
    let token = alice.login(&house).await.refresh_token;
    revoke(&house, &alice).await;
    let request = alice.refresh_request(&house, &token);
    assert_eq!(
        reason(refresh(&house, request).await),
        Reason::DeviceRevoked
    );
}

#[tokio::test]
async fn sessions_names_and_spent_tokens_survive_a_restart() {
    let house = House::embedded(&easy());
    let alice = Person::new(1);
    alice.register(&house, "alice").await;
    let spent = alice.login(&house).await.refresh_token;
    let fresh = renewed(&house, &alice, &spent).await.refresh_token;

    let house = house.restarted(&easy()).await;
    assert!(alice.lookup(&house, "alice").await.is_ok());
    renewed(&house, &alice, &fresh).await;
    let request = alice.refresh_request(&house, &spent);
    assert_eq!(reason(refresh(&house, request).await), Reason::SessionEnded);
}
