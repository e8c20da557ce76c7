//! Messages on the wire of MLS, byte for byte.

use xchat_core::content::{Content, ContentError, MessageId, Salt, room_uri, sender_uri};
use xchat_types::{AccountId, ConversationId};

#[derive(Debug, serde::Deserialize)]
struct Vector {
    text: String,
    username: Option<String>,
    salt: String,
    account: String,
    conversation: String,
    sender_uri: String,
    room_uri: String,
    content: String,
    message_id: String,
}

const CONTENT: &str = include_str!("../../../../testdata/core/content.json");

#[test]
fn messages_are_encoded_and_named_as_ever() {
    let vectors: Vec<Vector> = serde_json::from_str(CONTENT).unwrap();
    assert!(vectors.len() >= 4);
    for vector in vectors {
        let salt: [u8; 16] = hex::decode(&vector.salt).unwrap().try_into().unwrap();
        let content = Content::text(Salt(salt), &vector.text, vector.username.clone());
        let bytes = content.to_bytes();
        assert_eq!(hex::encode(&bytes), vector.content);
        assert_eq!(Content::from_bytes(&bytes), Ok(content));
        let sender = sender_uri(&AccountId::from_hex(&vector.account).unwrap());
        let room = room_uri(&ConversationId::from_hex(&vector.conversation).unwrap());
        assert_eq!((&sender, &room), (&vector.sender_uri, &vector.room_uri));
        let id = MessageId::of(&sender, &room, &bytes, Salt(salt));
        assert_eq!(hex::encode(id.as_bytes()), vector.message_id);
    }
}

#[test]
fn a_message_cut_anywhere_is_refused() {
    let bytes = Content::text(Salt([1; 16]), "cut me", None).to_bytes();
    for end in 0..bytes.len() {
        assert_eq!(
            Content::from_bytes(&bytes[..end]),
            Err(ContentError::NotCbor)
        );
    }
}
