//! Logging in.

use std::sync::Arc;

use xchat_auth::{KeySet, RevocationList, Verifier, revocation::RpcRevocations};
use xchat_ports::Clock;
use xchat_proto::common::Reason;
use xchat_types::limits::CLOCK_STOP_MS;

use crate::{
    house::{House, easy, reason},
    person::{Person, login},
};

/// As the gateway makes it: keys from `Describe`, revocations over the same channel.
pub(crate) async fn verifier(house: &House) -> Verifier {
    let description = house.describe().await;
    let clock: Arc<dyn Clock> = Arc::<xchat_adapter_memory::ManualClock>::clone(&house.clock);
    let source = Arc::new(RpcRevocations(house.channel.clone().untraced()));
    let list = Arc::new(RevocationList::new(source, Arc::clone(&clock)));
    list.refresh().await.unwrap();
    let server = description.server_id.as_ref().try_into().unwrap();
    let keys = KeySet::from_json(&description.jwks_json).unwrap();
    Verifier::new(&server, keys, list, clock)
}

#[tokio::test]
async fn a_login_gives_a_token_that_verifiers_take_for_five_minutes() {
    for house in House::each(&easy()) {
        let alice = Person::new(1);
        alice.register(&house, "").await;
        let session = alice.login(&house).await;
        let claims = verifier(&house)
            .await
            .verify(&session.access_token)
            .unwrap();
        assert_eq!(claims.account, alice.account());
        assert_eq!(claims.device, alice.device_id());
        assert_eq!(
            session.account_id,
            xchat_proto::convert::id_bytes(&alice.account())
        );
        assert_eq!(session.access_expires_at_ms, house.now().0 + 300_000);
        assert_eq!(claims.expires_at.0, session.access_expires_at_ms);
    }
}

#[tokio::test]
async fn a_device_that_never_registered_is_unknown() {
    let house = House::memory(&easy());
    let request = Person::new(1).login_request(&house).await;
    assert_eq!(reason(login(&house, request).await), Reason::DeviceUnknown);
}

#[tokio::test]
async fn a_nonce_is_good_for_a_minute_and_must_be_ours() {
    let house = House::memory(&easy());
    let alice = Person::new(1);
    alice.register(&house, "").await;
    let request = alice.login_request(&house).await;
    house.clock.advance(60_001);
    assert_eq!(
        reason(login(&house, request).await),
        Reason::ChallengeExpired
    );
    let invented = alice.login_with(&house, &[9; 32], house.now().0);
    assert_eq!(
        reason(login(&house, invented).await),
        Reason::ChallengeExpired
    );
    let mut short = alice.login_request(&house).await;
    short.login_nonce.truncate(31);
    assert_eq!(reason(login(&house, short).await), Reason::Malformed);
}

#[tokio::test]
async fn a_clock_more_than_twelve_hours_off_is_named() {
    let house = House::memory(&easy());
    let alice = Person::new(1);
    alice.register(&house, "").await;
    let nonce = house.challenge().await.login_nonce;
    let now = house.now().0;
    for time in [now + CLOCK_STOP_MS + 1, now - CLOCK_STOP_MS - 1] {
        let request = alice.login_with(&house, &nonce, time);
        assert_eq!(reason(login(&house, request).await), Reason::ClockSkew);
    }
    let request = alice.login_with(&house, &nonce, now - CLOCK_STOP_MS);
    assert!(login(&house, request).await.is_ok());
}

#[tokio::test]
async fn only_the_devices_own_signature_over_this_server_nonce_and_time_counts() {
    let house = House::memory(&easy());
    let (alice, bob) = (Person::new(1), Person::new(2));
    alice.register(&house, "").await;
    bob.register(&house, "").await;
    let good = alice.login_request(&house).await;
    let mut by_another = bob.login_request(&house).await;
    by_another.device_id = good.device_id.clone();
    let mut other_time = good.clone();
    other_time.time_ms += 1;
    let mut other_nonce = good.clone();
    other_nonce.login_nonce = house.challenge().await.login_nonce;
    let mut zero = good.clone();
    zero.signature = vec![0; 64].into();
    for request in [by_another, other_time, other_nonce, zero] {
        assert_eq!(reason(login(&house, request).await), Reason::BadSignature);
    }
    let mut cut = good.clone();
    cut.signature.truncate(63);
    assert_eq!(reason(login(&house, cut).await), Reason::Malformed);
    assert!(login(&house, good).await.is_ok(), "positive control");
}
