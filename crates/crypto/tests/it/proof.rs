//! Proofs of work at tiny efforts.

use proptest::prelude::*;
use xchat_crypto::{
    PublicKey,
    proof::{
        Challenge, Proof, ProofError, SignedChallenge, check, check_target, check_work, solve,
    },
};
use xchat_types::Millis;

use crate::sample::key;

const ISSUED: Millis = Millis(1_700_000_000_000);

fn challenge(effort: u8, target_bits: u8) -> Challenge {
    Challenge {
        issued_at: ISSUED,
        effort,
        target_bits,
        random: [3; 16],
    }
}

fn root() -> PublicKey {
    key(1).public()
}

#[test]
fn a_solved_proof_passes_and_is_bound_to_the_root_key_and_the_challenge() {
    let asked = challenge(2, 12);
    let mut tries = 0;
    let proof = solve(&asked, &root(), |progress| {
        tries += 1;
        assert_eq!((progress.tries, progress.expected), (tries, 4));
    })
    .unwrap();
    assert_eq!(tries, proof.nonce + 1);
    assert_eq!(check(&asked, &root(), &proof), Ok(()));

    let missed = Err(ProofError::TargetMissed);
    assert_eq!(check(&asked, &key(2).public(), &proof), missed);
    let other = Challenge {
        random: [4; 16],
        ..asked
    };
    assert_eq!(check(&other, &root(), &proof), missed);
    let elsewhere = Proof {
        second_nonce: proof.second_nonce + 1,
        ..proof
    };
    assert_eq!(check(&asked, &root(), &elsewhere), missed);
    let easier = Challenge { effort: 0, ..asked };
    assert_eq!(
        check(&easier, &root(), &proof),
        missed,
        "the effort is part of the challenge"
    );
}

#[test]
fn the_target_alone_does_not_replace_the_work() {
    let asked = challenge(3, 0);
    let proof = solve(&asked, &root(), |_| {}).unwrap();
    assert!(
        proof.nonce > 0,
        "choose another random: the first nonce must fail"
    );
    for nonce in 0..proof.nonce {
        let lazy = Proof { nonce, ..proof };
        assert_eq!(check_target(&asked, &root(), &lazy), Ok(()));
        assert_eq!(
            check_work(&asked, &root(), &lazy),
            Err(ProofError::WorkMissing)
        );
    }
}

#[test]
fn with_both_efforts_zero_every_proof_passes_at_once() {
    let asked = challenge(0, 0);
    let proof = solve(&asked, &root(), |_| panic!("there is nothing to try")).unwrap();
    assert_eq!(
        proof,
        Proof {
            nonce: 0,
            second_nonce: 0
        }
    );
    assert_eq!(check(&asked, &root(), &proof), Ok(()));
}

#[test]
fn a_client_refuses_work_that_no_honest_server_asks_for() {
    for asked in [challenge(17, 0), challenge(0, 29), challenge(255, 255)] {
        assert_eq!(solve(&asked, &root(), |_| {}), Err(ProofError::TooHard));
    }
}

#[test]
fn a_challenge_is_good_for_ten_minutes() {
    let asked = challenge(0, 0);
    let expired = Err(ProofError::Expired);
    assert_eq!(asked.check_date(ISSUED), Ok(()));
    assert_eq!(asked.check_date(ISSUED.saturating_add(600_000)), Ok(()));
    assert_eq!(asked.check_date(ISSUED.saturating_add(600_001)), expired);
    assert_eq!(asked.check_date(ISSUED.saturating_sub(300_000)), Ok(()));
    assert_eq!(asked.check_date(ISSUED.saturating_sub(300_001)), expired);
}

#[test]
fn a_challenge_verifies_for_its_server_only_and_with_no_bit_flipped() {
    let server = key(9);
    let signed = challenge(5, 18).sign(&server);
    assert_eq!(signed.verify(&server.public()), Ok(challenge(5, 18)));
    assert_eq!(
        signed.verify(&key(8).public()),
        Err(ProofError::BadSignature)
    );
    let bytes = signed.to_bytes();
    assert_eq!(bytes.len(), SignedChallenge::LEN);
    assert_eq!(SignedChallenge::from_bytes(&bytes), Ok(signed));
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let read = SignedChallenge::from_bytes(&flipped).unwrap();
        assert_eq!(read.verify(&server.public()), Err(ProofError::BadSignature));
    }
}

proptest! {
    #[test]
    fn proof_bytes_survive_and_other_lengths_are_refused(
        nonce in any::<u64>(),
        second_nonce in any::<u64>(),
        junk in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        let proof = Proof { nonce, second_nonce };
        prop_assert_eq!(Proof::from_bytes(&proof.to_bytes()), Ok(proof));
        prop_assert_eq!(Proof::from_bytes(&junk).is_ok(), junk.len() == 16);
        let challenge = SignedChallenge::from_bytes(&junk);
        prop_assert_eq!(challenge.is_ok(), junk.len() == SignedChallenge::LEN);
    }
}
