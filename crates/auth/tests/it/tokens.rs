//! Good tokens, their end, and the rotation of keys.

use std::time::Duration;

use xchat_adapter_memory::SeededRng;
use xchat_auth::{InstallationKeys, KeySet, TokenError, TokenIssuer};
use xchat_ports::Clock;
use xchat_types::Millis;

use crate::installation::{ACCOUNT, DEVICE, Installation, verifier};

#[tokio::test]
async fn a_token_says_who_and_until_when() {
    let at = Installation::new().await;
    let claims = at.verifier.verify(&at.token()).unwrap();
    assert_eq!(claims.account, ACCOUNT);
    assert_eq!(claims.device, DEVICE);
    assert_eq!(claims.expires_at, Millis((at.seconds() + 300) * 1_000));
}

#[tokio::test]
async fn a_token_lives_until_its_end_and_the_leeway() {
    let at = Installation::new().await;
    let token = at.token();
    for (seconds, expected) in [(300, Ok(())), (14, Ok(())), (1, Err(TokenError::Expired))] {
        at.clock.advance(seconds * 1_000);
        at.verifier.revocations().refresh().await.unwrap();
        assert_eq!(at.verifier.verify(&token).map(drop), expected);
    }
}

#[tokio::test]
async fn a_token_of_another_installation_is_refused() {
    let at = Installation::new().await;
    let other = InstallationKeys::generate(&SeededRng::new(2));
    let issuer = TokenIssuer::new(&other, Duration::from_mins(5)).unwrap();
    let token = issuer.issue(&ACCOUNT, &DEVICE, at.clock.now()).unwrap();
    assert_eq!(at.verifier.verify(&token.text), Err(TokenError::UnknownKey));
}

#[tokio::test]
async fn after_a_rotation_old_and_new_tokens_pass_and_after_two_the_old_ones_do_not() {
    let at = Installation::new().await;
    let old = at.token();
    let once = InstallationKeys::rotate_access_key(&at.path, &SeededRng::new(3)).unwrap();
    assert_eq!(once.server_id(), at.keys.server_id());
    assert_eq!(once.name_pepper(), at.keys.name_pepper());
    let new = TokenIssuer::new(&once, Duration::from_mins(5))
        .unwrap()
        .issue(&ACCOUNT, &DEVICE, at.clock.now())
        .unwrap()
        .text;
    assert_eq!(at.verifier.verify(&new), Err(TokenError::UnknownKey));
    let set = |keys: &InstallationKeys| KeySet::from_json(&keys.jwks_json().unwrap()).unwrap();
    at.verifier.replace_keys(set(&once));
    assert!(at.verifier.verify(&new).is_ok());
    assert!(at.verifier.verify(&old).is_ok());

    let twice = InstallationKeys::rotate_access_key(&at.path, &SeededRng::new(4)).unwrap();
    let fresh = verifier(&twice, &at.store, &at.clock);
    fresh.revocations().refresh().await.unwrap();
    assert!(fresh.verify(&new).is_ok());
    assert_eq!(fresh.verify(&old), Err(TokenError::UnknownKey));
}

#[test]
fn an_issuer_refuses_a_life_that_revocations_would_not_outlast() {
    let keys = InstallationKeys::generate(&SeededRng::new(1));
    for life in [0, 301] {
        assert!(TokenIssuer::new(&keys, Duration::from_secs(life)).is_err());
    }
}

#[test]
fn a_key_set_takes_ed25519_keys_under_their_thumbprint_only() {
    let good = InstallationKeys::generate(&SeededRng::new(1))
        .jwks_json()
        .unwrap();
    assert!(KeySet::from_json(&good).is_ok(), "positive control");
    let wrong = [
        r#"{"keys":[]}"#.to_owned(),
        "[]".to_owned(),
        good.replace("EdDSA", "HS256"),
        good.replace("Ed25519", "P-256"),
        good.replace(r#""x":""#, r#""x":"AA"#),
        good.replace(r#""kid":""#, r#""kid":"A"#),
        r#"{"keys":[{"kty":"oct","alg":"HS256","kid":"k","k":"AAAA"}]}"#.to_owned(),
    ];
    for text in wrong {
        assert!(KeySet::from_json(&text).is_err(), "{text}");
    }
    assert!(!good.contains(r#""d":"#), "a private part");
}
