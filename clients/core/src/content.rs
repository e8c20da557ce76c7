//! The MIMI content format (draft-ietf-mimi-content-08): what is inside an application message.
//!
//! Written canonically, read totally: any bytes either give a [`Content`] or an error. Parts that
//! this version does not show (reactions, files, several parts) are kept as they came, so that a
//! later version can show them from the stored bytes.

mod decode;
mod encode;
mod message_id;
#[cfg(test)]
mod tests;

pub use decode::ContentError;
pub use message_id::{MessageId, room_uri, sender_uri};

/// Longest name in characters that is read from a message as its sender's claim.
const MAX_CLAIMED_NAME: usize = 64;

/// Per-message random value, without which a message id could be guessed from a short text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Salt(pub [u8; 16]);

/// One message (section 4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    pub salt: Salt,
    /// The message that this one edits or deletes.
    pub replaces: Option<MessageId>,
    /// Empty: no topic.
    pub topic: Vec<u8>,
    pub expires: Option<Expiration>,
    pub in_reply_to: Option<MessageId>,
    pub extensions: Extensions,
    pub part: Part,
}

/// When a message vanishes: seconds after reading, or seconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiration {
    pub relative: bool,
    pub seconds: u32,
}

/// Extension fields that this version knows; others are read over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// Private key −1: the username that the sender claims. It proves nothing until a forward
    /// lookup gives the sender's account (protocol, "Names").
    pub username: Option<String>,
}

/// The body (section 4.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub disposition: Disposition,
    /// Language tags, comma-separated; empty: not said.
    pub language: String,
    pub body: Body,
}

/// What a part is for (section 8.2.2). Unknown numbers are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    Unspecified,
    Render,
    Reaction,
    Other(u8),
}

impl Disposition {
    const fn number(self) -> u8 {
        match self {
            Self::Unspecified => 0,
            Self::Render => 1,
            Self::Reaction => 2,
            Self::Other(number) => number,
        }
    }

    const fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Unspecified,
            1 => Self::Render,
            2 => Self::Reaction,
            other => Self::Other(other),
        }
    }
}

/// A part's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Nothing: a deletion, or a reaction taken back.
    Null,
    Single {
        media_type: String,
        content: Vec<u8>,
    },
    /// A file or several parts: known by number only, shown by a later version.
    Unsupported { cardinality: u8 },
}

/// Text of a message, with every character as the sender wrote it: terminals and pages must treat
/// it as hostile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a> {
    pub markdown: bool,
    pub text: &'a str,
}

impl Content {
    /// A plain text message.
    pub fn text(salt: Salt, text: &str, username: Option<String>) -> Self {
        Self {
            salt,
            replaces: None,
            topic: Vec::new(),
            expires: None,
            in_reply_to: None,
            extensions: Extensions { username },
            part: Part {
                disposition: Disposition::Render,
                language: String::new(),
                body: Body::Single {
                    media_type: "text/plain;charset=utf-8".to_owned(),
                    content: text.as_bytes().to_vec(),
                },
            },
        }
    }

    /// The text, if the message is one that is to be rendered and is valid UTF-8.
    pub fn as_text(&self) -> Option<Text<'_>> {
        let Body::Single {
            media_type,
            content,
        } = &self.part.body
        else {
            return None;
        };
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        let markdown = match essence {
            "text/plain" => false,
            "text/markdown" => true,
            _ => return None,
        };
        let text = std::str::from_utf8(content).ok()?;
        Some(Text { markdown, text })
    }

    /// The canonical encoding (RFC 8949, section 4.2.1).
    pub fn to_bytes(&self) -> Vec<u8> {
        encode::encode(self)
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ContentError> {
        decode::decode(bytes)
    }
}
