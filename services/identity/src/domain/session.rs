//! The one session of a device, and what a refresh does to it.

use std::fmt;

use bytes::Bytes;
use xchat_proto::{Message, events::SessionRow};
use xchat_types::Millis;

use super::refresh_token::RefreshToken;
use crate::error::Error;

/// Random name of a session.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionId([u8; Self::LEN]);

impl SessionId {
    pub(crate) const LEN: usize = 16;

    pub(crate) const fn new(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(redacted)")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    /// Of the one refresh token that is not spent.
    pub(crate) generation: u64,
    pub(crate) started_at: Millis,
    pub(crate) refreshed_at: Millis,
    pub(crate) ended: bool,
}

/// What a refresh token means for a stored session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refresh {
    /// Store this and hand out its token.
    Renewed(Session),
    /// A spent token came back, so it is in two hands: store this, and refuse.
    Reused(Session),
    /// Refuse; nothing changes.
    Ended,
}

impl Session {
    pub(crate) fn start(id: SessionId, now: Millis) -> Self {
        Self {
            id,
            generation: 0,
            started_at: now,
            refreshed_at: now,
            ended: false,
        }
    }

    pub(crate) fn token(&self) -> RefreshToken {
        RefreshToken {
            session: self.id,
            generation: self.generation,
        }
    }

    pub(crate) fn refresh(self, token: RefreshToken, now: Millis, life_ms: u64) -> Refresh {
        let idle = self.refreshed_at.until(now) > life_ms;
        // A generation ahead of ours: the store was restored from an older state.
        if token.session != self.id || self.ended || idle || token.generation > self.generation {
            return Refresh::Ended;
        }
        if token.generation < self.generation {
            return Refresh::Reused(Self {
                ended: true,
                ..self
            });
        }
        Refresh::Renewed(Self {
            generation: self.generation.saturating_add(1),
            refreshed_at: now,
            ..self
        })
    }

    pub(crate) fn to_row(self) -> Bytes {
        SessionRow {
            session_id: Bytes::copy_from_slice(self.id.as_bytes()),
            generation: self.generation,
            started_at_ms: self.started_at.0,
            refreshed_at_ms: self.refreshed_at.0,
            ended: self.ended,
        }
        .encode_to_vec()
        .into()
    }

    pub(crate) fn from_row(bytes: &[u8]) -> Result<Self, Error> {
        let row = SessionRow::decode(bytes).map_err(|_| Error::Corrupt("session"))?;
        let id = row.session_id.as_ref().try_into();
        Ok(Self {
            id: SessionId(id.map_err(|_| Error::Corrupt("session id"))?),
            generation: row.generation,
            started_at: Millis(row.started_at_ms),
            refreshed_at: Millis(row.refreshed_at_ms),
            ended: row.ended,
        })
    }
}

#[cfg(test)]
mod tests;
