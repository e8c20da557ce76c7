//! Binding, changing and finding usernames.

use xchat_identity::{Config, config::RateLimit};
use xchat_proto::{common::Reason, convert::id_bytes};
use xchat_runtime::{config::HumanDuration, status};

use crate::{
    house::{House, easy, reason},
    person::Person,
};

const DAY_MS: u64 = 86_400_000;

async fn found(house: &House, by: &Person, name: &str) -> bytes::Bytes {
    let answer = by.lookup(house, name).await.unwrap().into_inner();
    answer.lookup_username.unwrap().account_id
}

#[tokio::test]
async fn a_name_is_found_however_it_is_typed_and_told_as_normalised() {
    for house in House::each(&easy()) {
        let alice = Person::new(1);
        alice.register(&house, "").await;
        let answer = alice.set_username(&house, "ALICE").await.unwrap();
        let told = answer.into_inner().set_username.unwrap().username;
        assert_eq!(told, "alice");
        for typed in ["alice", "Alice", "ａｌｉｃｅ"] {
            let account = found(&house, &alice, typed).await;
            assert_eq!(account, id_bytes(&alice.account()), "{typed}");
        }
        for near in ["alicee", "alic", "alice_"] {
            let refusal = reason(alice.lookup(&house, near).await);
            let expected = [Reason::UsernameUnknown, Reason::UsernameInvalid];
            assert!(expected.contains(&refusal), "{near}");
        }
    }
}

#[tokio::test]
async fn a_name_that_another_account_holds_is_taken_and_an_impossible_one_invalid() {
    let house = House::memory(&easy());
    let (alice, bob) = (Person::new(1), Person::new(2));
    alice.register(&house, "alice").await;
    bob.register(&house, "").await;
    let taken = bob.set_username(&house, "alice").await;
    assert_eq!(reason(taken), Reason::UsernameTaken);
    let invalid = bob.set_username(&house, "b").await;
    assert_eq!(reason(invalid), Reason::UsernameInvalid);
    let nobody = Person::new(3).set_username(&house, "nobody").await;
    assert_eq!(reason(nobody), Reason::AccountUnknown);
}

#[tokio::test]
async fn a_changed_name_rests_thirty_days_before_another_account_may_have_it() {
    for house in House::each(&easy()) {
        let (alice, bob) = (Person::new(1), Person::new(2));
        alice.register(&house, "alice").await;
        bob.register(&house, "").await;
        assert!(alice.set_username(&house, "alicia").await.is_ok());
        assert!(alice.set_username(&house, "alicia").await.is_ok(), "again");
        let account = found(&house, &bob, "alicia").await;
        assert_eq!(account, id_bytes(&alice.account()));
        let old = bob.lookup(&house, "alice").await;
        assert_eq!(reason(old), Reason::UsernameUnknown);

        house.clock.advance(30 * DAY_MS - 1);
        let early = bob.set_username(&house, "alice").await;
        assert_eq!(reason(early), Reason::UsernameTaken);
        house.clock.advance(1);
        assert!(bob.set_username(&house, "alice").await.is_ok());
        let account = found(&house, &alice, "alice").await;
        assert_eq!(account, id_bytes(&bob.account()));
    }
}

#[tokio::test]
async fn an_account_may_go_back_to_its_own_resting_name() {
    let house = House::memory(&easy());
    let alice = Person::new(1);
    alice.register(&house, "alice").await;
    for name in ["alicia", "alice"] {
        assert!(alice.set_username(&house, name).await.is_ok());
    }
    let account = found(&house, &alice, "alice").await;
    assert_eq!(account, id_bytes(&alice.account()));
    let other = alice.lookup(&house, "alicia").await;
    assert_eq!(reason(other), Reason::UsernameUnknown);
}

#[tokio::test]
async fn of_many_changes_at_once_exactly_one_name_stays() {
    for house in House::each(&Config {
        username_limit: RateLimit {
            burst: 100,
            every: HumanDuration::from_secs(1),
        },
        ..easy()
    }) {
        let alice = Person::new(1);
        alice.register(&house, "").await;
        let names: Vec<_> = (0..8).map(|n| format!("alice{n}")).collect();
        let changes = names.iter().map(|name| alice.set_username(&house, name));
        futures_util::future::join_all(changes).await;
        // Whatever happened in between, the next change settles it.
        assert!(alice.set_username(&house, "alice").await.is_ok());
        for name in &names {
            let refusal = reason(alice.lookup(&house, name).await);
            assert_eq!(refusal, Reason::UsernameUnknown);
        }
        let account = found(&house, &alice, "alice").await;
        assert_eq!(account, id_bytes(&alice.account()));
    }
}

#[tokio::test]
async fn lookups_and_changes_are_limited_with_a_time_to_come_back() {
    let house = House::memory(&easy());
    let (alice, bob) = (Person::new(1), Person::new(2));
    alice.register(&house, "alice").await;
    bob.register(&house, "").await;
    for _ in 0..30 {
        assert!(alice.lookup(&house, "alice").await.is_ok());
    }
    let refused = alice.lookup(&house, "alice").await.unwrap_err();
    let failure = status::failure(&refused);
    assert_eq!(failure.reason(), Reason::RateLimited);
    assert_eq!(failure.retry_after_ms, 10_000);
    assert!(
        bob.lookup(&house, "alice").await.is_ok(),
        "each for himself"
    );
    house.clock.advance(10_000);
    assert!(alice.lookup(&house, "alice").await.is_ok());

    for n in 0..5 {
        let name = format!("bob{n}");
        assert!(bob.set_username(&house, &name).await.is_ok());
    }
    let refused = bob.set_username(&house, "bob9").await;
    assert_eq!(reason(refused), Reason::RateLimited);
}
