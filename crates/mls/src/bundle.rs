//! What handshake records carry.
//!
//! A commit bundle is one record: the commit, and the one MLS welcome that it makes for all the
//! devices it adds. A genesis is the public group info and tree of epoch 0. Both are public
//! messages: after the genesis, whose external key dies with epoch 0, no group info reaches the
//! server.

use thiserror::Error;

use crate::canonical::{NotCanonical, Reader, Writer};

/// Canonical encoding: `[commit]` or `[commit, welcome]`.
#[derive(Clone, PartialEq, Eq)]
pub struct CommitBundle {
    /// `MLSMessage` with a `PublicMessage`.
    pub(crate) commit: Vec<u8>,
    /// `MLSMessage` with a `Welcome`, where the commit adds.
    pub(crate) welcome: Option<Vec<u8>>,
}

/// Canonical encoding: `[group info, ratchet tree]`.
#[derive(Clone, PartialEq, Eq)]
pub struct Genesis {
    /// `MLSMessage` with a `GroupInfo`.
    pub(crate) group_info: Vec<u8>,
    pub(crate) tree: Vec<u8>,
}

/// The payload of a handshake record cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a handshake record")]
pub struct MalformedHandshake;

impl From<NotCanonical> for MalformedHandshake {
    fn from(_: NotCanonical) -> Self {
        Self
    }
}

impl CommitBundle {
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.array(1 + usize::from(self.welcome.is_some()));
        writer.bytes(&self.commit);
        if let Some(welcome) = &self.welcome {
            writer.bytes(welcome);
        }
        writer.into_bytes()
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MalformedHandshake> {
        let mut reader = Reader::new(bytes);
        let parts = reader.array()?;
        let commit = reader.bytes()?.to_vec();
        let welcome = match parts {
            1 => None,
            2 => Some(reader.bytes()?.to_vec()),
            _ => return Err(MalformedHandshake),
        };
        reader.finish()?;
        Ok(Self { commit, welcome })
    }

    /// Bytes of commit and welcome together.
    pub(crate) fn size(&self) -> usize {
        self.commit.len() + self.welcome.as_ref().map_or(0, Vec::len)
    }
}

impl Genesis {
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.array(2).bytes(&self.group_info).bytes(&self.tree);
        writer.into_bytes()
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MalformedHandshake> {
        let mut reader = Reader::new(bytes);
        reader.tuple(2)?;
        let group_info = reader.bytes()?.to_vec();
        let tree = reader.bytes()?.to_vec();
        reader.finish()?;
        Ok(Self { group_info, tree })
    }

    pub(crate) fn size(&self) -> usize {
        self.group_info.len() + self.tree.len()
    }
}

impl std::fmt::Debug for CommitBundle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CommitBundle({} bytes)", self.size())
    }
}

impl std::fmt::Debug for Genesis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Genesis({} bytes)", self.size())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handshakes_survive_their_encoding_and_nothing_may_follow_it() {
        for welcome in [None, Some(vec![3; 300])] {
            let bundle = CommitBundle {
                commit: vec![1, 2],
                welcome,
            };
            let mut bytes = bundle.to_bytes();
            assert_eq!(CommitBundle::from_bytes(&bytes), Ok(bundle));
            assert!(CommitBundle::from_bytes(&bytes[..bytes.len() - 1]).is_err());
            bytes.push(0);
            assert!(CommitBundle::from_bytes(&bytes).is_err());
        }
        let genesis = Genesis {
            group_info: vec![4; 30],
            tree: vec![],
        };
        let bytes = genesis.to_bytes();
        assert_eq!(Genesis::from_bytes(&bytes), Ok(genesis));
        assert!(CommitBundle::from_bytes(&[0x80]).is_err());
    }
}
