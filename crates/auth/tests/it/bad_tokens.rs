//! The table of bad tokens: each is refused, for the reason that stands beside it.

use serde_json::{Value, json};
use xchat_auth::TokenError;
use xchat_crypto::SecretKey;

use crate::installation::{ACCOUNT, DEVICE, Installation, encode, sign_with};

type Case = (&'static str, TokenError, String);

#[tokio::test]
async fn every_bad_token_is_refused_with_its_reason() {
    let at = Installation::new().await;
    let good = at.sign(&at.header().to_string(), &at.claims().to_string());
    assert!(at.verifier.verify(&good).is_ok(), "positive control");

    let mut cases = texts(&at, &good);
    cases.extend(headers(&at));
    cases.extend(signatures(&at, &good));
    cases.extend(claims(&at));
    cases.extend(times(&at));
    assert!(cases.len() >= 40, "only {} cases", cases.len());
    for (what, expected, token) in cases {
        assert_eq!(at.verifier.verify(&token).err(), Some(expected), "{what}");
    }
}

#[tokio::test]
async fn no_flipped_bit_of_a_token_passes() {
    let at = Installation::new().await;
    let good = at.token();
    for index in 0..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[index] ^= 1;
        let flipped = String::from_utf8(bytes).unwrap();
        assert!(at.verifier.verify(&flipped).is_err(), "byte {index}");
    }
}

fn texts(at: &Installation, good: &str) -> Vec<Case> {
    use TokenError::{Header, Malformed, TooLong};
    let parts: Vec<&str> = good.split('.').collect();
    let (header, claims, signature) = (parts[0], parts[1], parts[2]);
    vec![
        ("nothing", Malformed, String::new()),
        ("a word", Malformed, "token".to_owned()),
        ("two dots", Header, "..AAAA".to_owned()),
        (
            "without signature part",
            Malformed,
            format!("{header}.{claims}"),
        ),
        ("a fourth part", Malformed, format!("{good}.{signature}")),
        (
            "five parts, a JWE",
            Malformed,
            format!("{good}.{signature}.{signature}"),
        ),
        (
            "padded base64",
            Malformed,
            format!("{header}.{claims}.{signature}=="),
        ),
        ("a space before", Malformed, format!(" {good}")),
        ("a line end after", Malformed, format!("{good}\n")),
        (
            "plain base64 letters",
            Malformed,
            format!("{header}.+/+/.{signature}"),
        ),
        (
            "a null byte",
            Malformed,
            format!("{header}.{claims}\0.{signature}"),
        ),
        ("Bearer in front", Malformed, format!("Bearer {good}")),
        (
            "header not JSON",
            Header,
            format!("{}.{claims}.{signature}", encode("no")),
        ),
        (
            "header an array",
            Header,
            at.sign(r#"["EdDSA"]"#, &at.claims().to_string()),
        ),
        ("longer than allowed", TooLong, {
            let mut claims = at.claims();
            claims["sub"] = Value::String("a".repeat(2_000));
            at.sign(&at.header().to_string(), &claims.to_string())
        }),
    ]
}

fn headers(at: &Installation) -> Vec<Case> {
    use TokenError::{Algorithm, Header, Type, UnknownKey};
    let claims = at.claims().to_string();
    let with = |name: &str, value: Value| {
        let mut header = at.header();
        header[name] = value;
        at.sign(&header.to_string(), &claims)
    };
    let without = |name: &str| {
        let mut header = at.header();
        header.as_object_mut().unwrap().remove(name);
        at.sign(&header.to_string(), &claims)
    };
    let twice = {
        let header = at.header().to_string();
        header.replacen('{', r#"{"alg":"none","#, 1)
    };
    let own_key = json!({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"});
    vec![
        ("alg none", Algorithm, with("alg", json!("none"))),
        ("alg None", Algorithm, with("alg", json!("None"))),
        ("alg HS256", Algorithm, with("alg", json!("HS256"))),
        ("alg RS256", Algorithm, with("alg", json!("RS256"))),
        ("alg ES256", Algorithm, with("alg", json!("ES256"))),
        (
            "alg in another case",
            Algorithm,
            with("alg", json!("eddsa")),
        ),
        ("alg Ed25519", Algorithm, with("alg", json!("Ed25519"))),
        ("alg empty", Algorithm, with("alg", json!(""))),
        ("alg missing", Header, without("alg")),
        ("alg a list", Header, with("alg", json!(["EdDSA"]))),
        ("alg twice", Header, at.sign(&twice, &claims)),
        ("typ JWT", Type, with("typ", json!("JWT"))),
        ("typ of an id token", Type, with("typ", json!("id+jwt"))),
        ("typ in another case", Type, with("typ", json!("AT+JWT"))),
        ("typ missing", Header, without("typ")),
        ("kid unknown", UnknownKey, with("kid", json!("other"))),
        (
            "kid a path",
            UnknownKey,
            with("kid", json!("../../dev/null")),
        ),
        ("kid empty", UnknownKey, with("kid", json!(""))),
        ("kid missing", Header, without("kid")),
        ("kid null", Header, with("kid", Value::Null)),
        ("own key in the header", Header, with("jwk", own_key)),
        (
            "key address in the header",
            Header,
            with("jku", json!("http://a.example/k")),
        ),
        (
            "certificate in the header",
            Header,
            with("x5c", json!(["AAAA"])),
        ),
        ("critical extension", Header, with("crit", json!(["exp"]))),
        ("unencoded payload", Header, with("b64", json!(false))),
        ("nested content", Header, with("cty", json!("JWT"))),
        ("compressed", Header, with("zip", json!("DEF"))),
    ]
}

fn signatures(at: &Installation, good: &str) -> Vec<Case> {
    use TokenError::BadSignature;
    let (message, signature) = good.rsplit_once('.').unwrap();
    let other = SecretKey::from_seed([3; 32]);
    let (header, claims) = (at.header().to_string(), at.claims().to_string());
    let mut later = at.claims();
    later["exp"] = json!(at.seconds() + 301);
    let swapped = format!(
        "{}.{}.{signature}",
        encode(&header),
        encode(later.to_string())
    );
    let zeros = encode([0_u8; 64]);
    // Small-order R and S = 0: passes a check that is not strict for a small-order key.
    let mut small = [0_u8; 64];
    small[0] = 1;
    vec![
        ("empty signature", BadSignature, format!("{message}.")),
        ("zero signature", BadSignature, format!("{message}.{zeros}")),
        (
            "identity signature",
            BadSignature,
            format!("{message}.{}", encode(small)),
        ),
        (
            "half a signature",
            BadSignature,
            format!("{message}.{}", encode([1_u8; 32])),
        ),
        (
            "another key under our kid",
            BadSignature,
            sign_with(&other, &header, &claims),
        ),
        (
            "the server key",
            BadSignature,
            sign_with(at.keys.server_key(), &header, &claims),
        ),
        ("the signature of other claims", BadSignature, swapped),
        ("hash of the public key as a shared secret", BadSignature, {
            let tag = xchat_crypto::derive::keyed_hash(
                at.access_key().public().as_bytes(),
                "HS256",
                message.as_bytes(),
            );
            format!("{message}.{}", encode(tag))
        }),
    ]
}

fn claims(at: &Installation) -> Vec<Case> {
    use TokenError::{Audience, Claims, Device, Issuer, Subject};
    let with = |name: &str, value: Value| {
        let mut claims = at.claims();
        claims[name] = value;
        at.sign(&at.header().to_string(), &claims.to_string())
    };
    let without = |name: &str| {
        let mut claims = at.claims();
        claims.as_object_mut().unwrap().remove(name);
        at.sign(&at.header().to_string(), &claims.to_string())
    };
    let issuer = at.claims()["iss"].clone();
    let twice = at.claims().to_string().replacen('{', r#"{"sub":"00","#, 1);
    vec![
        (
            "claims not JSON",
            Claims,
            at.sign(&at.header().to_string(), "exp"),
        ),
        ("iss missing", Claims, without("iss")),
        ("aud missing", Claims, without("aud")),
        ("sub missing", Claims, without("sub")),
        ("did missing", Claims, without("did")),
        ("exp missing", Claims, without("exp")),
        ("nbf missing", Claims, without("nbf")),
        ("iat missing", Claims, without("iat")),
        (
            "sub twice",
            Claims,
            at.sign(&at.header().to_string(), &twice),
        ),
        ("an unknown claim", Claims, with("role", json!("admin"))),
        (
            "iss of another server",
            Issuer,
            with("iss", json!(format!("xchat:{}", "0".repeat(64)))),
        ),
        (
            "iss a list with ours",
            Claims,
            with("iss", json!([issuer, "other"])),
        ),
        ("iss empty", Issuer, with("iss", json!(""))),
        ("aud another", Audience, with("aud", json!("turn"))),
        (
            "aud a list with ours",
            Claims,
            with("aud", json!(["xchat-api", "turn"])),
        ),
        (
            "sub not hexadecimal",
            Subject,
            with("sub", json!("zz".repeat(32))),
        ),
        ("sub too short", Subject, with("sub", json!("07"))),
        (
            "sub in capitals",
            Subject,
            with("sub", json!("AB".repeat(32))),
        ),
        (
            "sub with a device id",
            Subject,
            with("sub", json!(DEVICE.to_hex())),
        ),
        (
            "did with an account id",
            Device,
            with("did", json!(ACCOUNT.to_hex())),
        ),
        (
            "did in capitals",
            Device,
            with("did", json!("AB".repeat(16))),
        ),
        ("exp a text", Claims, with("exp", json!("9999999999"))),
        ("exp a fraction", Claims, with("exp", json!(1.5))),
        ("exp negative", Claims, with("exp", json!(-1))),
        ("exp null", Claims, with("exp", Value::Null)),
    ]
}

fn times(at: &Installation) -> Vec<Case> {
    use TokenError::{Expired, LivesTooLong, NotYetValid};
    let now = at.seconds();
    let spanning = |iat: u64, nbf: u64, exp: u64| {
        let mut claims = at.claims();
        claims["iat"] = json!(iat);
        claims["nbf"] = json!(nbf);
        claims["exp"] = json!(exp);
        at.sign(&at.header().to_string(), &claims.to_string())
    };
    vec![
        (
            "expired by the leeway",
            Expired,
            spanning(now - 315, now - 315, now - 15),
        ),
        ("expired long ago", Expired, spanning(0, 0, 300)),
        (
            "not valid within the leeway",
            NotYetValid,
            spanning(now, now + 16, now + 100),
        ),
        (
            "issued in the future",
            NotYetValid,
            spanning(now + 16, now, now + 100),
        ),
        (
            "a day ahead",
            NotYetValid,
            spanning(now + 86_400, now + 86_400, now + 86_700),
        ),
        (
            "a second more than five minutes",
            LivesTooLong,
            spanning(now, now, now + 301),
        ),
        ("valid for ever", LivesTooLong, spanning(now, now, u64::MAX)),
        (
            "valid since ever",
            LivesTooLong,
            spanning(0, now, now + 300),
        ),
        (
            "ends before it begins",
            LivesTooLong,
            spanning(now, now, now - 1),
        ),
        ("of no length", LivesTooLong, spanning(now, now, now)),
    ]
}
