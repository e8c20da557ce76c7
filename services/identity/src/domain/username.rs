//! Usernames: prepared by PRECIS (RFC 8265, section 3.3), then held to an alphabet without
//! look-alikes.
//!
//! `UsernameCaseMapped` maps full-width forms, folds case and normalises, so that what people type
//! as the same name is the same name. Of what is left only ASCII letters, digits and `_ - .` are
//! allowed: two names that differ then differ to the eye in any font that tells l from 1, and no
//! Cyrillic "а" passes for a Latin one. An account without such a name is reached by its link.

use precis_profiles::{UsernameCaseMapped, precis_core::profile::PrecisFastInvocation};
use thiserror::Error;
use xchat_crypto::derive;
use xchat_ports::directory_store::NameHash;

pub(crate) const MIN_LENGTH: usize = 3;
pub(crate) const MAX_LENGTH: usize = 32;
/// Before preparation: nothing longer is worth preparing.
const MAX_INPUT_BYTES: usize = 256;

/// Why a text is no username. Speaks after "This is not a possible username:".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum UsernameError {
    #[error("it has less than {MIN_LENGTH} characters")]
    TooShort,
    #[error("it has more than {MAX_LENGTH} characters")]
    TooLong,
    #[error("it may hold the letters a to z, digits, and _ - . only")]
    Alphabet,
    #[error("it must begin with a letter")]
    Beginning,
    #[error("it must end with a letter or a digit")]
    End,
    #[error("two of _ - . must not stand side by side")]
    Separators,
}

/// A normalised username.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Username(String);

/// Redacted: the server knows names only while it hashes them.
impl std::fmt::Debug for Username {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Username(redacted)")
    }
}

impl Username {
    pub(crate) fn parse(text: &str) -> Result<Self, UsernameError> {
        if text.len() > MAX_INPUT_BYTES {
            return Err(UsernameError::TooLong);
        }
        if text.is_empty() {
            return Err(UsernameError::TooShort);
        }
        let name = UsernameCaseMapped::enforce(text).map_err(|_| UsernameError::Alphabet)?;
        check(&name)?;
        Ok(Self(name.into_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// What the directory keeps: without the pepper nobody can test a guess.
    pub(crate) fn hash(&self, pepper: &[u8; 32]) -> NameHash {
        NameHash(derive::keyed_hash(
            pepper,
            "xchat-username-v1",
            self.0.as_bytes(),
        ))
    }
}

fn check(name: &str) -> Result<(), UsernameError> {
    let is_separator = |c: char| matches!(c, '_' | '-' | '.');
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || is_separator(c);
    if !name.chars().all(allowed) {
        return Err(UsernameError::Alphabet);
    }
    if name.len() < MIN_LENGTH {
        return Err(UsernameError::TooShort);
    }
    if name.len() > MAX_LENGTH {
        return Err(UsernameError::TooLong);
    }
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err(UsernameError::Beginning);
    }
    if name.ends_with(is_separator) {
        return Err(UsernameError::End);
    }
    let mut pairs = name.chars().zip(name.chars().skip(1));
    if pairs.any(|(a, b)| is_separator(a) && is_separator(b)) {
        return Err(UsernameError::Separators);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
