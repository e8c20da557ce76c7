//! Publishing and claiming key packages.

use std::collections::BTreeSet;

use bytes::Bytes;
use tonic::{Response, Status};
use xchat_crypto::SecretKey;
use xchat_identity::Config;
use xchat_mls::{Device, KeyPackages, Rows, Suite};
use xchat_ports::Clock;
use xchat_proto::{client as pb, common::Reason, convert::id_bytes, identity};
use xchat_runtime::{ambient::SystemClock, status};
use xchat_types::Millis;

use crate::{
    house::{House, easy, reason},
    person::Person,
    signup::revoke,
};

type Answer<T> = Result<Response<T>, Status>;

const DAY_MS: u64 = 86_400_000;

fn made(
    house: &House,
    person: &Person,
    suite: Suite,
    count: usize,
    last_resort: bool,
    at: Millis,
) -> Vec<pb::KeyPackage> {
    let certificate = person.certificate(house);
    let device = Device::new(person.device.clone(), person.account(), &[certificate]).unwrap();
    let mut packages = KeyPackages::load(Rows::default());
    let mut make = || packages.generate(&device, suite, at, last_resort).unwrap();
    (0..count)
        .map(|_| pb::KeyPackage {
            suite: suite.number().into(),
            last_resort,
            key_package: Bytes::from(make().bytes.as_bytes().to_vec()),
        })
        .collect()
}

fn classical(house: &House, person: &Person, count: usize) -> Vec<pb::KeyPackage> {
    made(house, person, Suite::Classical, count, false, house.now())
}

async fn publish(
    house: &House,
    person: &Person,
    packages: Vec<pb::KeyPackage>,
) -> Answer<identity::PublishKeyPackagesResponse> {
    let request = identity::PublishKeyPackagesRequest {
        account_id: id_bytes(&person.account()),
        device_id: id_bytes(&person.device_id()),
        publish: Some(pb::PublishKeyPackagesRequest { packages }),
    };
    house.client().publish_key_packages(request).await
}

async fn count(house: &House, person: &Person) -> Vec<(u32, u32, bool)> {
    let request = identity::CountKeyPackagesRequest {
        device_id: id_bytes(&person.device_id()),
    };
    let answer = house.client().count_key_packages(request).await.unwrap();
    let counts = answer.into_inner().counts.unwrap().counts;
    let counts = counts.into_iter();
    counts
        .map(|count| (count.suite, count.one_time, count.last_resort))
        .collect()
}

async fn claim(
    house: &House,
    caller: &Person,
    target: &Person,
    id: u8,
) -> Answer<identity::ClaimKeyPackagesResponse> {
    let request = identity::ClaimKeyPackagesRequest {
        account_id: id_bytes(&caller.account()),
        claim: Some(pb::ClaimKeyPackagesRequest {
            account_id: id_bytes(&target.account()),
            suite: 1,
            claim_id: vec![id; 16].into(),
        }),
    };
    house.client().claim_key_packages(request).await
}

async fn claimed(house: &House, caller: &Person, target: &Person, id: u8) -> pb::ClaimedKeyPackage {
    let answer = claim(house, caller, target, id).await.unwrap().into_inner();
    let mut packages = answer.claim.unwrap().packages;
    assert_eq!(packages.len(), 1, "one for the one device");
    packages.remove(0)
}

async fn house_with_two(config: &Config) -> Vec<(House, Person, Person)> {
    let mut houses = Vec::new();
    for house in House::each(config) {
        // OpenMLS looks at the system's clock when it validates a key package; lifetimes are in
        // whole seconds.
        house.clock.set(Millis(SystemClock.now().seconds() * 1_000));
        let (alice, bob) = (Person::new(1), Person::new(2));
        alice.register(&house, "").await;
        bob.register(&house, "").await;
        houses.push((house, alice, bob));
    }
    houses
}

#[tokio::test]
async fn packages_of_both_suites_are_kept_counted_and_handed_out_once() {
    for (house, alice, bob) in house_with_two(&easy()).await {
        let mut packages = classical(&house, &bob, 2);
        packages.extend(made(&house, &bob, Suite::Hybrid, 1, false, house.now()));
        packages.extend(made(&house, &bob, Suite::Classical, 1, true, house.now()));
        assert!(publish(&house, &bob, packages.clone()).await.is_ok());
        assert!(
            publish(&house, &bob, packages.clone()).await.is_ok(),
            "again"
        );
        assert_eq!(count(&house, &bob).await, [(1, 2, true), (2, 1, false)]);

        let first = claimed(&house, &alice, &bob, 1).await;
        assert_eq!(claimed(&house, &alice, &bob, 1).await, first, "a retry");
        assert_eq!(first.device_id, id_bytes(&bob.device_id()));
        let second = claimed(&house, &alice, &bob, 2).await;
        assert_ne!(first.key_package, second.key_package);
        assert!(!first.last_resort && !second.last_resort);
        assert!(packages.iter().any(|p| p.key_package == first.key_package));
        // None left: the last-resort one, flagged, as often as it takes.
        for id in 3..5 {
            let last = claimed(&house, &alice, &bob, id).await;
            assert!(last.last_resort);
        }
        // Publishing a claimed one again does not bring it back.
        assert!(publish(&house, &bob, packages).await.is_ok());
        assert_eq!(count(&house, &bob).await, [(1, 0, true), (2, 1, false)]);
    }
}

#[tokio::test]
async fn sixteen_claims_at_once_never_get_one_package_twice() {
    for (house, _, bob) in house_with_two(&easy()).await {
        assert!(
            publish(&house, &bob, classical(&house, &bob, 10))
                .await
                .is_ok()
        );
        let callers: Vec<_> = (10..26).map(Person::new).collect();
        // The same claim id of different callers is not the same claim.
        let claims = callers.iter().map(|caller| claim(&house, caller, &bob, 1));
        let answers = futures_util::future::join_all(claims).await;
        let mut handed_out = BTreeSet::new();
        let mut refused = 0;
        for answer in answers {
            if let Ok(answer) = answer {
                for package in answer.into_inner().claim.unwrap().packages {
                    assert!(handed_out.insert(package.key_package), "twice");
                }
            } else {
                assert_eq!(reason(answer), Reason::NoKeyPackages);
                refused += 1;
            }
        }
        assert_eq!((handed_out.len(), refused), (10, 6));
    }
}

#[tokio::test]
async fn claims_are_limited_for_each_caller_and_target_retries_and_own_devices_are_free() {
    for (house, alice, bob) in house_with_two(&easy()).await {
        assert!(
            publish(&house, &bob, classical(&house, &bob, 40))
                .await
                .is_ok()
        );
        for id in 1..=6 {
            claimed(&house, &alice, &bob, id).await;
            claimed(&house, &alice, &bob, id).await;
        }
        let refused = claim(&house, &alice, &bob, 7).await.unwrap_err();
        let failure = status::failure(&refused);
        assert_eq!(failure.reason(), Reason::RateLimited);
        assert_eq!(failure.retry_after_ms, 600_000);
        claimed(&house, &alice, &bob, 6).await;
        let carol = Person::new(3);
        claimed(&house, &carol, &bob, 8).await;
        for id in 10..20 {
            claimed(&house, &bob, &bob, id).await;
        }
        house.clock.advance(600_000);
        claimed(&house, &alice, &bob, 7).await;
    }
}

#[tokio::test]
async fn an_unknown_account_one_without_packages_and_one_revoked_are_told_apart() {
    for (house, alice, bob) in house_with_two(&easy()).await {
        let nobody = Person::new(9);
        let answer = claim(&house, &alice, &nobody, 1).await;
        assert_eq!(reason(answer), Reason::AccountUnknown);
        let answer = claim(&house, &alice, &bob, 1).await;
        assert_eq!(reason(answer), Reason::NoKeyPackages);
        assert!(
            publish(&house, &bob, classical(&house, &bob, 1))
                .await
                .is_ok()
        );
        revoke(&house, &bob).await;
        let answer = claim(&house, &alice, &bob, 1).await;
        assert_eq!(reason(answer), Reason::NoKeyPackages);
        let answer = publish(&house, &bob, classical(&house, &bob, 1)).await;
        assert_eq!(reason(answer), Reason::DeviceRevoked);
    }
}

#[tokio::test]
async fn a_package_that_is_not_the_sessions_own_or_not_as_announced_is_refused() {
    for (house, alice, bob) in house_with_two(&easy()).await {
        let good = classical(&house, &bob, 1).remove(0);
        let of_alice = classical(&house, &alice, 1).remove(0);
        let second_device = Person {
            root: bob.root.clone(),
            device: SecretKey::from_seed([77; 32]),
        };
        let of_second_device = classical(&house, &second_device, 1).remove(0);
        // Alice's root may certify Bob's device key, but not into Bob's account.
        let adopted = Person {
            root: alice.root.clone(),
            device: bob.device.clone(),
        };
        let of_adopted = classical(&house, &adopted, 1).remove(0);
        let mut other_suite = good.clone();
        other_suite.suite = 2;
        let mut called_last = good.clone();
        called_last.last_resort = true;
        let mut flipped = good.clone();
        let mut bytes = flipped.key_package.to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        flipped.key_package = bytes.into();
        let mut cut = good.clone();
        cut.key_package.truncate(100);
        let mut huge = good.clone();
        huge.key_package = vec![0; 8 * 1_024 + 1].into();
        let wrong_ones = [
            of_alice,
            of_second_device,
            of_adopted,
            other_suite,
            called_last,
            flipped,
            cut,
            huge,
        ];
        for wrong in wrong_ones {
            let both = vec![good.clone(), wrong];
            let refusal = reason(publish(&house, &bob, both).await);
            assert_eq!(refusal, Reason::KeyPackageInvalid);
        }
        assert!(count(&house, &bob).await.is_empty(), "all or none");
        let mut no_suite = good.clone();
        no_suite.suite = 3;
        let refusal = reason(publish(&house, &bob, vec![no_suite]).await);
        assert_eq!(refusal, Reason::Malformed);
        let many = vec![good; 51];
        assert_eq!(reason(publish(&house, &bob, many).await), Reason::Malformed);
        let stranger = Person::new(9);
        let refusal = reason(publish(&house, &stranger, Vec::new()).await);
        assert_eq!(refusal, Reason::DeviceUnknown);
    }
}

#[tokio::test]
async fn a_lifetime_that_the_judge_would_refuse_is_a_clock_that_is_off() {
    for (house, _, bob) in house_with_two(&easy()).await {
        let now = house.now();
        let made_at = |at| made(&house, &bob, Suite::Classical, 1, false, at);
        for at in [
            now.saturating_add(DAY_MS + 1_000),
            now.saturating_sub(38 * DAY_MS),
        ] {
            let refusal = reason(publish(&house, &bob, made_at(at)).await);
            assert_eq!(refusal, Reason::ClockSkew);
        }
        for at in [now.saturating_add(DAY_MS), now.saturating_sub(36 * DAY_MS)] {
            assert!(publish(&house, &bob, made_at(at)).await.is_ok());
        }
    }
}

#[tokio::test]
async fn a_package_is_handed_out_until_45_days_before_its_end_and_not_a_moment_later() {
    for (house, alice, bob) in house_with_two(&easy()).await {
        assert!(
            publish(&house, &bob, classical(&house, &bob, 2))
                .await
                .is_ok()
        );
        // Made with 82 days to go.
        house.clock.advance(37 * DAY_MS - 1);
        claimed(&house, &alice, &bob, 1).await;
        house.clock.advance(1);
        let answer = claim(&house, &alice, &bob, 2).await;
        assert_eq!(reason(answer), Reason::NoKeyPackages);
        assert!(count(&house, &bob).await.is_empty());
    }
}

#[tokio::test]
async fn a_device_keeps_so_many_packages_and_publishes_so_often() {
    let config = Config {
        key_packages_per_suite: 3,
        ..easy()
    };
    for (house, _, bob) in house_with_two(&config).await {
        let refusal = reason(publish(&house, &bob, classical(&house, &bob, 4)).await);
        assert_eq!(refusal, Reason::TooManyKeyPackages);
        assert!(
            publish(&house, &bob, classical(&house, &bob, 3))
                .await
                .is_ok()
        );
        let refusal = reason(publish(&house, &bob, classical(&house, &bob, 1)).await);
        assert_eq!(refusal, Reason::TooManyKeyPackages);
        let last = made(&house, &bob, Suite::Classical, 1, true, house.now());
        for _ in 0..17 {
            assert!(publish(&house, &bob, last.clone()).await.is_ok());
        }
        let refusal = reason(publish(&house, &bob, last).await);
        assert_eq!(refusal, Reason::RateLimited);
    }
}
