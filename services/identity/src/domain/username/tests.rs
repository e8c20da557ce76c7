use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn no_text_is_too_strange_to_be_refused(text in any::<String>()) {
        if let Ok(name) = Username::parse(&text) {
            prop_assert_eq!(Username::parse(name.as_str()), Ok(name.clone()), "normalised once");
            prop_assert!(name.as_str().is_ascii());
        }
    }

    #[test]
    fn what_is_allowed_is_left_alone(name in "[a-z][a-z0-9]{2,31}") {
        let parsed = Username::parse(&name);
        prop_assert_eq!(parsed.as_ref().map(Username::as_str), Ok(name.as_str()));
    }
}

fn parsed(text: &str) -> Result<String, UsernameError> {
    Username::parse(text).map(|name| name.0)
}

#[test]
fn what_people_type_as_the_same_name_is_the_same_name() {
    for text in ["alice", "Alice", "ALICE", "ａｌｉｃｅ"] {
        assert_eq!(parsed(text).as_deref(), Ok("alice"), "{text}");
    }
    assert_eq!(
        parsed("Bob.the-builder_2").as_deref(),
        Ok("bob.the-builder_2")
    );
}

#[test]
fn every_other_text_is_refused_with_what_is_wrong() {
    use UsernameError::{Alphabet, Beginning, End, Separators, TooLong, TooShort};
    let cases = [
        ("", TooShort),
        ("al", TooShort),
        (&"a".repeat(33), TooLong),
        (&"a".repeat(300), TooLong),
        ("with space", Alphabet),
        ("p\u{430}ypal", Alphabet),
        ("zo\u{eb}", Alphabet),
        ("al\u{200b}ice", Alphabet),
        ("alice\u{202e}", Alphabet),
        ("al\0ice", Alphabet),
        ("\u{5d0}\u{5d1}\u{5d2}", Alphabet),
        ("me@host", Alphabet),
        ("1alice", Beginning),
        (".alice", Beginning),
        ("alice.", End),
        ("alice-", End),
        ("al._ice", Separators),
    ];
    for (text, expected) in cases {
        assert_eq!(parsed(text), Err(expected), "{text:?}");
    }
    assert!(parsed(&"a".repeat(32)).is_ok());
}

#[test]
fn a_hash_needs_the_pepper() {
    let alice = Username::parse("alice").expect("a name");
    assert_eq!(alice.hash(&[1; 32]), alice.hash(&[1; 32]));
    assert_ne!(alice.hash(&[1; 32]), alice.hash(&[2; 32]));
    assert_eq!(format!("{alice:?}"), "Username(redacted)");
}
