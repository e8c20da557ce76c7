use proptest::prelude::*;

use super::*;

/// Section 5.1 of the draft: the message, and the id that the draft prints for it.
const DRAFT_MESSAGE: &str = "87505eed9406c2545547ab6f09f20a18b003f640f6f6a20178206d696d693a2f2f6578\
    616d706c652e636f6d2f752f616c6963652d736d6974680278256d696d693a2f2f6578616d706c652e636f6d2f722f\
    656e67696e656572696e675f7465616d8501600\
    1781e746578742f6d61726b646f776e3b76617269616e743d47464d2d4d494d49583948692065766572796f6e652c20\
    7765206a75737420736869707065642072656c6561736520322e302e205f5f476f6f642020776f726b5f5f21";
const DRAFT_ID: &str = "017ce54837404c3696e0c747b985cb172716d0ed0a3d249ca63ace7d82a096f4";

fn text(text: &str) -> Content {
    Content::text(Salt([7; 16]), text, Some("alice".to_owned()))
}

#[test]
fn the_drafts_own_example_is_read_and_has_the_drafts_own_id() {
    let bytes = hex::decode(DRAFT_MESSAGE).unwrap();
    let content = Content::from_bytes(&bytes).unwrap();
    let shown = content.as_text().unwrap();
    assert!(shown.markdown);
    assert!(shown.text.starts_with("Hi everyone, we just shipped"));
    let id = MessageId::of(
        "mimi://example.com/u/alice-smith",
        "mimi://example.com/r/engineering_team",
        &bytes,
        content.salt,
    );
    assert_eq!(hex::encode(id.as_bytes()), DRAFT_ID);
}

#[test]
fn a_message_survives_its_encoding_with_every_field_and_control_character() {
    let mut content = text("tab\t bell\u{7} escape\u{1b}[2J newline\r\n null\0 end");
    content.replaces = MessageId::from_slice(&[1; 32]);
    content.in_reply_to = MessageId::from_slice(&[2; 32]);
    content.topic = vec![9; 300];
    content.expires = Some(Expiration {
        relative: true,
        seconds: 70_000,
    });
    assert_eq!(Content::from_bytes(&content.to_bytes()), Ok(content));
}

#[test]
fn what_another_version_may_send_is_kept_for_later_and_not_shown() {
    // A part with two parts inside, and an extension of a number that is not known.
    let bytes = hex::decode(
        "875000000000000000000000000000000000f640f6f6a11903e8f5850160030182830160008301600
        0"
        .replace(char::is_whitespace, ""),
    )
    .unwrap();
    let content = Content::from_bytes(&bytes).unwrap();
    assert_eq!(content.part.body, Body::Unsupported { cardinality: 3 });
    assert_eq!(content.as_text(), None);
}

#[test]
fn a_message_that_goes_on_or_nests_without_end_is_refused() {
    let mut bytes = text("x").to_bytes();
    bytes.push(0);
    assert_eq!(Content::from_bytes(&bytes), Err(ContentError::Trailing));
    assert_eq!(
        Content::from_bytes(&vec![0x81; 100_000]),
        Err(ContentError::NotCbor)
    );
    // An array that claims 2^60 elements.
    assert_eq!(
        Content::from_bytes(&[0x9b, 0x10, 0, 0, 0, 0, 0, 0, 0]),
        Err(ContentError::NotCbor)
    );
}

#[test]
fn two_extensions_of_one_key_are_refused() {
    let twice = hex::decode("a22001 2002".replace(' ', "")).unwrap();
    let mut bytes = text("x").to_bytes();
    let map = bytes
        .windows(2)
        .position(|pair| pair == [0xa1, 0x20])
        .unwrap();
    bytes.splice(map..map + 8, twice);
    assert_eq!(
        Content::from_bytes(&bytes),
        Err(ContentError::Field("extension key"))
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Content::from_bytes(&bytes);
    }

    #[test]
    fn a_changed_byte_is_read_or_refused(at in 0_usize..200, to in any::<u8>()) {
        let mut bytes = text("hello").to_bytes();
        let at = at % bytes.len();
        bytes[at] = to;
        if let Ok(content) = Content::from_bytes(&bytes) {
            prop_assert_eq!(Content::from_bytes(&content.to_bytes()).is_ok(), true);
        }
    }

    #[test]
    fn any_text_comes_back_as_it_was(body in ".*") {
        let content = text(&body);
        let back = Content::from_bytes(&content.to_bytes()).unwrap();
        prop_assert_eq!(back.as_text().unwrap().text, body);
    }
}
