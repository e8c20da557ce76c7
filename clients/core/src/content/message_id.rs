//! How messages refer to each other (section 3.3).

use std::fmt;

use sha2::{Digest as _, Sha256};
use xchat_types::{AccountId, ConversationId};

use super::Salt;

/// IANA number of SHA-256, the first byte of every id.
const SHA_256: u8 = 1;

/// 1 ‖ first 31 bytes of SHA-256(length of the sender URI u16 ‖ sender URI ‖ length of the room URI
/// u16 ‖ room URI ‖ message ‖ salt).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId([u8; 32]);

impl MessageId {
    pub fn of(sender_uri: &str, room_uri: &str, message: &[u8], salt: Salt) -> Self {
        let hash: [u8; 32] = Sha256::new()
            .chain_update(length(sender_uri))
            .chain_update(sender_uri)
            .chain_update(length(room_uri))
            .chain_update(room_uri)
            .chain_update(message)
            .chain_update(salt.0)
            .finalize()
            .into();
        let mut id = [SHA_256; 32];
        for (to, from) in id.iter_mut().skip(1).zip(hash) {
            *to = from;
        }
        Self(id)
    }

    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

fn length(uri: &str) -> [u8; 2] {
    u16::try_from(uri.len()).unwrap_or(u16::MAX).to_be_bytes()
}

/// Redacted: the two bytes after the number of the hash.
impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [_, a, b, ..] = self.0;
        write!(f, "MessageId({a:02x}{b:02x}…)")
    }
}

/// URI of an account, from the MLS sender, never from what a message claims.
pub fn sender_uri(account: &AccountId) -> String {
    format!("xchat:u/{account}")
}

/// URI of a conversation.
pub fn room_uri(conversation: &ConversationId) -> String {
    format!("xchat:r/{}", conversation.to_hex())
}
