//! What must not be in telemetry, in every form in which it could be written.

use std::collections::{BTreeSet, HashMap};

use base64::{Engine as _, engine::general_purpose};

/// Bytes by which a needle is looked for.
const START: usize = 4;

/// Bytes that nobody but the two people and their server has a use for.
#[derive(Debug)]
pub(crate) struct Secret {
    pub(crate) what: String,
    pub(crate) bytes: Vec<u8>,
}

/// Which of the secrets are found in a haystack, and in which form.
pub(crate) fn found(secrets: &[Secret], haystack: &[u8]) -> Vec<String> {
    let mut needles: HashMap<[u8; START], Vec<(String, Vec<u8>)>> = HashMap::new();
    for secret in secrets {
        for (form, needle) in forms(&secret.bytes) {
            assert!(needle.len() >= 6, "would be found by chance");
            let start = needle.first_chunk().unwrap();
            let of = format!("{} as {form}", secret.what);
            needles.entry(*start).or_default().push((of, needle));
        }
    }
    let mut found = BTreeSet::new();
    for at in 0..haystack.len() {
        let here = &haystack[at..];
        let start = here.first_chunk().and_then(|start| needles.get(start));
        let whole = start.into_iter().flatten();
        found.extend(
            whole
                .filter(|(_, needle)| here.starts_with(needle))
                .map(|(of, _)| of.clone()),
        );
    }
    found.into_iter().collect()
}

fn forms(secret: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut forms = vec![
        ("bytes", secret.to_vec()),
        ("hex", hex::encode(secret).into_bytes()),
        ("HEX", hex::encode_upper(secret).into_bytes()),
        // As `Debug` writes bytes.
        (
            "numbers",
            format!("{secret:?}").trim_matches(['[', ']']).into(),
        ),
    ];
    for (form, alphabet) in [
        ("base64", general_purpose::STANDARD_NO_PAD),
        ("base64url", general_purpose::URL_SAFE_NO_PAD),
    ] {
        // Within other bytes it stands at one of three places between the groups of three.
        for before in 0..3 {
            let text = alphabet.encode([&vec![0; before], secret].concat());
            let whole = text.len() - usize::from(!(before + secret.len()).is_multiple_of(3));
            let part = text.as_bytes()[(before * 8).div_ceil(6)..whole].to_vec();
            forms.push((form, part));
        }
    }
    forms
}

#[test]
fn a_secret_is_found_in_every_form_and_at_every_place() {
    let bytes: Vec<u8> = (100..116).collect();
    let what = "it".to_owned();
    let secret = [Secret {
        what,
        bytes: bytes.clone(),
    }];
    let within = |before: usize| [vec![0xf7; before], bytes.clone(), vec![0xee; 5]].concat();
    for before in 0..4 {
        let inner = within(before);
        for hay in [
            inner.clone(),
            hex::encode(&inner).into_bytes(),
            hex::encode_upper(&inner).into_bytes(),
            format!("{inner:?}").into_bytes(),
            general_purpose::STANDARD.encode(&inner).into_bytes(),
            general_purpose::URL_SAFE.encode(&inner).into_bytes(),
        ] {
            assert_ne!(found(&secret, &hay), [""; 0], "{hay:?}");
        }
    }
    assert_eq!(found(&secret, &vec![0; 10_000]), [""; 0]);
}
