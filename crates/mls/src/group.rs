//! A device's group: one incarnation of a conversation.
//!
//! `read` looks, everything else changes: `create`, `join`, `commit` (makes one), `apply` (one that
//! the log has delivered), `message`. Nothing is ever applied that the log has not ordered, an own
//! commit included. Each change stays in memory until the engine takes it with
//! [`Group::take_changes`] and persists it.

mod apply;
mod commit;
mod config;
mod create;
mod join;
mod message;
mod read;

pub use apply::{Applied, ApplyError};
pub use commit::{Change, CommitError};
pub use create::{CreateError, Founding};
pub use join::{Invitation, JoinError};
pub use message::{DecryptError, Decrypted, EncryptError};
pub use read::ExportError;

use std::{collections::BTreeMap, fmt};

use openmls::prelude::{GroupId as MlsGroupId, MlsGroup};
use thiserror::Error;
use xchat_crypto::derive;
use xchat_types::{AccountId, ConversationId, DeviceId, GroupId, Header, Incarnation};

use crate::{
    rows::{RowChange, Rows},
    store::Provider,
};

/// Holds secrets; wiped by OpenMLS and [`Rows`] when dropped.
pub struct Group {
    mls: MlsGroup,
    provider: Provider,
    conversation: ConversationId,
    incarnation: Incarnation,
    /// Senders whose credentials were verified in this process, by leaf index and credential.
    senders: BTreeMap<(u32, Vec<u8>), (AccountId, DeviceId)>,
}

/// The rows hold no usable group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the stored group cannot be opened")]
pub struct CannotOpen;

impl Group {
    /// Opens the group from its rows.
    pub fn load(
        conversation: ConversationId,
        incarnation: Incarnation,
        rows: Rows,
    ) -> Result<Self, CannotOpen> {
        let provider = Provider::with_group(rows);
        let mls = load_mls(&provider, &derive::group_id(&conversation, incarnation))?;
        Ok(Self::new(mls, provider, conversation, incarnation))
    }

    const fn new(
        mls: MlsGroup,
        provider: Provider,
        conversation: ConversationId,
        incarnation: Incarnation,
    ) -> Self {
        Self {
            mls,
            provider,
            conversation,
            incarnation,
            senders: BTreeMap::new(),
        }
    }

    /// What has changed since it was loaded or last taken.
    pub fn take_changes(&mut self) -> Vec<RowChange> {
        self.provider.group().take_changes()
    }

    /// Undoes everything since the last [`Group::take_changes`]. Fails for a group that was created
    /// or joined since: there is none to go back to, and it is to be dropped.
    pub fn revert(&mut self) -> Result<(), CannotOpen> {
        self.provider.group().revert();
        self.mls = load_mls(&self.provider, &self.group_id())?;
        Ok(())
    }

    fn group_id(&self) -> GroupId {
        derive::group_id(&self.conversation, self.incarnation)
    }

    /// Whether a header speaks of this group.
    fn is_of(&self, header: &Header) -> bool {
        header.conversation == self.conversation && header.incarnation == self.incarnation
    }
}

fn load_mls(provider: &Provider, group_id: &GroupId) -> Result<MlsGroup, CannotOpen> {
    let id = MlsGroupId::from_slice(group_id.as_ref());
    let storage = openmls_traits::OpenMlsProvider::storage(provider);
    let loaded = MlsGroup::load(storage, &id).map_err(|_| CannotOpen)?;
    loaded.ok_or(CannotOpen)
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("conversation", &self.conversation)
            .field("incarnation", &self.incarnation)
            .field("epoch", &self.epoch())
            .finish_non_exhaustive()
    }
}
