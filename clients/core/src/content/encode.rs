//! Canonical CBOR of a message: shortest lengths, definite arrays, one order of keys.

use super::{Body, Content, Extensions, MessageId, Part};

/// Private extension key of the claimed username; −1 is encoded as the negative integer 0.
const USERNAME_KEY: u64 = 0;

#[derive(Clone, Copy)]
enum Major {
    Unsigned = 0,
    Negative = 1,
    Bytes = 2,
    Text = 3,
    Array = 4,
    Map = 5,
}

/// How long the number after the head is (RFC 8949, section 3).
const ONE_BYTE: u8 = 0x18;
const TWO_BYTES: u8 = 0x19;
const FOUR_BYTES: u8 = 0x1a;
const EIGHT_BYTES: u8 = 0x1b;

const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;
const NULL: u8 = 0xf6;

pub(super) fn encode(content: &Content) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    head(&mut out, Major::Array, 7);
    bytes(&mut out, &content.salt.0);
    reference(&mut out, content.replaces);
    bytes(&mut out, &content.topic);
    match content.expires {
        None => out.push(NULL),
        Some(expires) => {
            head(&mut out, Major::Array, 2);
            out.push(if expires.relative { TRUE } else { FALSE });
            head(&mut out, Major::Unsigned, u64::from(expires.seconds));
        }
    }
    reference(&mut out, content.in_reply_to);
    extensions(&mut out, &content.extensions);
    part(&mut out, &content.part);
    out
}

fn head(out: &mut Vec<u8>, major: Major, value: u64) {
    let kind = (major as u8) << 5;
    let wide = value.to_be_bytes();
    let [.., d, c, b, a] = wide;
    match value {
        0..=23 => out.push(kind | a),
        24..=0xff => out.extend_from_slice(&[kind | ONE_BYTE, a]),
        0x100..=0xffff => out.extend_from_slice(&[kind | TWO_BYTES, b, a]),
        0x1_0000..=0xffff_ffff => out.extend_from_slice(&[kind | FOUR_BYTES, d, c, b, a]),
        _ => {
            out.push(kind | EIGHT_BYTES);
            out.extend_from_slice(&wide);
        }
    }
}

fn length(out: &mut Vec<u8>, major: Major, length: usize) {
    head(out, major, u64::try_from(length).unwrap_or(u64::MAX));
}

fn bytes(out: &mut Vec<u8>, value: &[u8]) {
    length(out, Major::Bytes, value.len());
    out.extend_from_slice(value);
}

fn text(out: &mut Vec<u8>, value: &str) {
    length(out, Major::Text, value.len());
    out.extend_from_slice(value.as_bytes());
}

fn reference(out: &mut Vec<u8>, id: Option<MessageId>) {
    match id {
        None => out.push(NULL),
        Some(id) => bytes(out, id.as_bytes()),
    }
}

fn extensions(out: &mut Vec<u8>, extensions: &Extensions) {
    match &extensions.username {
        None => head(out, Major::Map, 0),
        Some(username) => {
            head(out, Major::Map, 1);
            head(out, Major::Negative, USERNAME_KEY);
            text(out, username);
        }
    }
}

fn part(out: &mut Vec<u8>, part: &Part) {
    let cardinality = match &part.body {
        Body::Null | Body::Unsupported { .. } => 0,
        Body::Single { .. } => 1,
    };
    head(out, Major::Array, if cardinality == 1 { 5 } else { 3 });
    head(out, Major::Unsigned, u64::from(part.disposition.number()));
    text(out, &part.language);
    head(out, Major::Unsigned, cardinality);
    if let Body::Single {
        media_type,
        content,
    } = &part.body
    {
        text(out, media_type);
        bytes(out, content);
    }
}
