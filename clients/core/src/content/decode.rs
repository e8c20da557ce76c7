//! Reading a message. Total: every byte string gives a message or an error, whatever it claims.

use ciborium::Value;
use thiserror::Error;

use super::{
    Body, Content, Disposition, Expiration, Extensions, MAX_CLAIMED_NAME, MessageId, Part, Salt,
};

/// Deepest nesting that is read; a message needs four levels, one with several parts a few more.
const MAX_DEPTH: usize = 16;

/// Why bytes are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ContentError {
    #[error("the message is not CBOR")]
    NotCbor,
    #[error("the message goes on after its end")]
    Trailing,
    #[error("the message has no valid {0}")]
    Field(&'static str),
}

pub(super) fn decode(bytes: &[u8]) -> Result<Content, ContentError> {
    let mut rest = bytes;
    let value: Value = ciborium::de::from_reader_with_recursion_limit(&mut rest, MAX_DEPTH)
        .map_err(|_| ContentError::NotCbor)?;
    if !rest.is_empty() {
        return Err(ContentError::Trailing);
    }
    let fields = value
        .into_array()
        .map_err(|_| ContentError::Field("container"))?;
    let [
        salt,
        replaces,
        topic,
        expires,
        in_reply_to,
        extensions,
        part,
    ]: [Value; 7] = fields
        .try_into()
        .map_err(|_| ContentError::Field("number of fields"))?;
    Ok(Content {
        salt: self::salt(&salt)?,
        replaces: reference(&replaces, "replaces")?,
        topic: topic
            .into_bytes()
            .map_err(|_| ContentError::Field("topicId"))?,
        expires: expiration(&expires)?,
        in_reply_to: reference(&in_reply_to, "inReplyTo")?,
        extensions: self::extensions(&extensions)?,
        part: self::part(part)?,
    })
}

fn salt(value: &Value) -> Result<Salt, ContentError> {
    value
        .as_bytes()
        .and_then(|bytes| bytes.as_slice().try_into().ok())
        .map(Salt)
        .ok_or(ContentError::Field("salt"))
}

fn reference(value: &Value, field: &'static str) -> Result<Option<MessageId>, ContentError> {
    if value.is_null() {
        return Ok(None);
    }
    value
        .as_bytes()
        .and_then(|bytes| MessageId::from_slice(bytes))
        .map(Some)
        .ok_or(ContentError::Field(field))
}

fn number<T: TryFrom<i128>>(value: &Value) -> Option<T> {
    value
        .as_integer()
        .and_then(|number| T::try_from(i128::from(number)).ok())
}

fn expiration(value: &Value) -> Result<Option<Expiration>, ContentError> {
    if value.is_null() {
        return Ok(None);
    }
    match value.as_array().map(Vec::as_slice) {
        Some([relative, seconds]) => relative
            .as_bool()
            .zip(number(seconds))
            .map(|(relative, seconds)| Some(Expiration { relative, seconds }))
            .ok_or(ContentError::Field("expires")),
        Some(_) | None => Err(ContentError::Field("expires")),
    }
}

/// Keys must differ (section 4.3); what is unknown is read over.
fn extensions(value: &Value) -> Result<Extensions, ContentError> {
    let entries = value.as_map().ok_or(ContentError::Field("extensions"))?;
    let mut username = None;
    for (key, value) in entries {
        if entries.iter().filter(|(other, _)| other == key).count() > 1 {
            return Err(ContentError::Field("extension key"));
        }
        if number::<i64>(key) == Some(-1) {
            username = value
                .as_text()
                .filter(|name| name.chars().count() <= MAX_CLAIMED_NAME)
                .map(str::to_owned);
        }
    }
    Ok(Extensions { username })
}

fn part(value: Value) -> Result<Part, ContentError> {
    let fields = value
        .into_array()
        .map_err(|_| ContentError::Field("nestedPart"))?;
    let mut fields = fields.into_iter();
    let mut next = |field| fields.next().ok_or(ContentError::Field(field));
    let disposition = number(&next("disposition")?)
        .map(Disposition::from_number)
        .ok_or(ContentError::Field("disposition"))?;
    let language = next("language")?
        .into_text()
        .map_err(|_| ContentError::Field("language"))?;
    let cardinality: u8 =
        number(&next("cardinality")?).ok_or(ContentError::Field("cardinality"))?;
    let body = match cardinality {
        0 => Body::Null,
        1 => Body::Single {
            media_type: next("contentType")?
                .into_text()
                .map_err(|_| ContentError::Field("contentType"))?,
            content: next("content")?
                .into_bytes()
                .map_err(|_| ContentError::Field("content"))?,
        },
        2 | 3 => Body::Unsupported { cardinality },
        _ => return Err(ContentError::Field("cardinality")),
    };
    if fields.next().is_some() && !matches!(body, Body::Unsupported { .. }) {
        return Err(ContentError::Field("number of part fields"));
    }
    Ok(Part {
        disposition,
        language,
        body,
    })
}
