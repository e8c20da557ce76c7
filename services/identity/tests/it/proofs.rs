//! The proof of work of a sign-up, at small efforts.

use xchat_crypto::proof::{Challenge, Proof, SignedChallenge};
use xchat_identity::Config;
use xchat_proto::common::Reason;
use xchat_types::limits::CLOCK_WARN_MS;

use crate::{
    house::{House, easy, reason},
    person::{Person, send},
    signup::assert_no_trace,
};

fn working() -> Config {
    Config {
        proof_effort: 2,
        proof_target_bits: 8,
        ..Config::default()
    }
}

#[tokio::test]
async fn a_proof_of_the_asked_effort_registers_and_each_half_is_needed() {
    let house = House::memory(&working());
    let alice = Person::new(1);
    let good = alice.registration(&house, "").await;
    let proof = Proof::from_bytes(&good.proof).unwrap();
    let wrong_target = Proof {
        second_nonce: proof.second_nonce.wrapping_add(1),
        ..proof
    };
    let wrong_work = wrong_work(&house, &alice, &good.signup_challenge);
    for wrong in [wrong_target, wrong_work] {
        let mut request = good.clone();
        request.proof = wrong.to_bytes().to_vec().into();
        assert_eq!(reason(send(&house, request).await), Reason::ProofInvalid);
    }
    let mut request = good.clone();
    request.proof = vec![0; 15].into();
    assert_eq!(reason(send(&house, request).await), Reason::ProofInvalid);
    assert_no_trace(&house, &alice).await;
    assert!(send(&house, good).await.is_ok());
}

/// Meets the target, but its first nonce shows no work.
fn wrong_work(house: &House, person: &Person, challenge: &[u8]) -> Proof {
    let public = house.keys.server_public_key();
    let challenge = SignedChallenge::from_bytes(challenge).unwrap();
    let challenge = challenge.verify(&public).unwrap();
    let root = person.root.public();
    let (_, nonce) = (0..u64::MAX)
        .map(|nonce| Proof {
            nonce,
            second_nonce: 0,
        })
        .map(|proof| {
            (
                xchat_crypto::proof::check_work(&challenge, &root, &proof),
                proof.nonce,
            )
        })
        .find(|(outcome, _)| outcome.is_err())
        .unwrap();
    (0..u64::MAX)
        .map(|second_nonce| Proof {
            nonce,
            second_nonce,
        })
        .find(|proof| xchat_crypto::proof::check_target(&challenge, &root, proof).is_ok())
        .unwrap()
}

#[tokio::test]
async fn a_replayed_proof_registers_the_same_account_and_no_other() {
    let house = House::memory(&working());
    let (alice, mallory) = (Person::new(1), Person::new(2));
    let request = alice.registration(&house, "alice").await;
    assert!(send(&house, request.clone()).await.is_ok());
    assert!(
        send(&house, request.clone()).await.is_ok(),
        "the same again"
    );

    let mut stolen = request;
    stolen.certificate = mallory.certificate(&house).to_bytes().into();
    stolen.username = "mallory".to_owned();
    assert_eq!(reason(send(&house, stolen).await), Reason::ProofInvalid);
    assert_no_trace(&house, &mallory).await;
}

#[tokio::test]
async fn a_challenge_is_good_for_ten_minutes_and_must_be_ours() {
    let house = House::memory(&easy());
    let alice = Person::new(1);
    let request = alice.registration(&house, "").await;
    house.clock.advance(Challenge::LIFETIME_MS + 1);
    let refusal = reason(send(&house, request).await);
    assert_eq!(refusal, Reason::ChallengeExpired);

    let forge = |issued_at| {
        let challenge = Challenge {
            issued_at,
            effort: 0,
            target_bits: 0,
            random: [1; 16],
        };
        challenge.sign(&alice.device).to_bytes()
    };
    let mut request = alice.registration(&house, "").await;
    request.signup_challenge = forge(house.now()).into();
    let refusal = reason(send(&house, request.clone()).await);
    assert_eq!(refusal, Reason::ProofInvalid);

    let ahead = Challenge {
        issued_at: house.now().saturating_add(CLOCK_WARN_MS + 1),
        effort: 0,
        target_bits: 0,
        random: [1; 16],
    };
    request.signup_challenge = ahead.sign(house.keys.server_key()).to_bytes().into();
    let refusal = reason(send(&house, request).await);
    assert_eq!(refusal, Reason::ChallengeExpired);
    assert_no_trace(&house, &alice).await;
}

#[tokio::test]
async fn signups_beyond_the_permitted_checks_wait_and_then_are_told_to_come_back() {
    let config = Config {
        proof_effort: 1,
        proof_checks: 1,
        proof_wait: xchat_runtime::config::HumanDuration::from_millis(0),
        ..working()
    };
    let house = House::memory(&config);
    let people: Vec<_> = (1..=8).map(Person::new).collect();
    let mut requests = Vec::new();
    for person in &people {
        requests.push(person.registration(&house, "").await);
    }
    let sent = requests.into_iter().map(|request| send(&house, request));
    let answers = futures_util::future::join_all(sent).await;
    let (served, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert!(!served.is_empty());
    assert!(!refused.is_empty());
    for answer in refused {
        assert_eq!(reason(answer), Reason::Overloaded);
    }
}

#[tokio::test]
async fn the_default_effort_is_what_the_protocol_says() {
    let house = House::memory(&Config::default());
    let challenge = house.challenge().await.signup_challenge;
    let challenge = SignedChallenge::from_bytes(&challenge).unwrap();
    let challenge = challenge.verify(&house.keys.server_public_key()).unwrap();
    assert_eq!((challenge.effort, challenge.target_bits), (5, 18));
    assert_eq!(challenge.issued_at, house.now());
}
