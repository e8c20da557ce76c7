//! The public state of a group at an epoch, as bytes.
//!
//! Four records, as OpenMLS's `PublicGroup` stores them: ratchet tree, group context, interim
//! transcript hash, confirmation tag. The proposal queue is always empty: a commit carries its
//! proposals. What is written is a function of what was read and applied, so replay gives the
//! same bytes. It holds no secret.

mod encoding;
mod records;

use std::{fmt, sync::Arc};

use openmls::prelude::{GroupContext, GroupId as MlsGroupId, PublicGroup, StagedCommit};
use thiserror::Error;
use tls_codec::Serialize as _;
use xchat_types::{Epoch, GroupId};

pub(crate) use records::{RecordError, Records};

use crate::{
    credential::{self, CredentialError, Leaf},
    extensions::{self, ExtensionError, Extensions},
    suite::Suite,
    wire::RatchetTreeBytes,
};

/// Cheap to clone: the records are shared.
#[derive(Clone, PartialEq, Eq)]
pub struct Snapshot {
    entries: Arc<records::Entries>,
    group_id: GroupId,
    epoch: Epoch,
    suite: Suite,
}

/// A stored snapshot that is not what was written. Never a reason to refuse a record: stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SnapshotError {
    #[error("the snapshot's bytes are damaged")]
    Damaged,
    #[error("the snapshot is of a newer version")]
    UnknownVersion,
    #[error("a record of the snapshot cannot be read")]
    Record(#[from] RecordError),
    #[error("the snapshot's group is not one of ours")]
    Foreign,
    #[error("a leaf of the snapshot does not verify")]
    Leaf(#[from] CredentialError),
    #[error("the snapshot's extensions are not ours")]
    Extensions(#[from] ExtensionError),
    #[error("the ratchet tree cannot be encoded")]
    Tree,
}

impl Snapshot {
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SnapshotError> {
        Self::of(encoding::decode(bytes)?)
    }

    /// Canonical: equal snapshots have equal bytes, ready to be stored.
    pub fn to_bytes(&self) -> Vec<u8> {
        encoding::encode(&self.entries)
    }

    pub const fn group_id(&self) -> GroupId {
        self.group_id
    }

    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// Every leaf, in index order. The judge verified each when it came in.
    pub fn leaves(&self) -> Result<Vec<Leaf>, SnapshotError> {
        Ok(credential::read_members(self.load()?.members())?)
    }

    pub fn extensions(&self) -> Result<Extensions, SnapshotError> {
        let context: GroupContext = self.entries.read(records::CONTEXT)?;
        Ok(extensions::read(context.extensions())?)
    }

    /// What a device that joins at this epoch needs beside its welcome.
    pub fn ratchet_tree(&self) -> Result<RatchetTreeBytes, SnapshotError> {
        self.load()?
            .export_ratchet_tree()
            .tls_serialize_detached()
            .map(RatchetTreeBytes::from)
            .map_err(|_| SnapshotError::Tree)
    }

    pub(crate) fn load(&self) -> Result<PublicGroup, SnapshotError> {
        let records = Records::reading(Arc::clone(&self.entries));
        let id = MlsGroupId::from_slice(self.group_id.as_bytes());
        let group = PublicGroup::load(&records, &id)?;
        group.ok_or(SnapshotError::Damaged)
    }

    /// The state after a commit that was staged on the group loaded from here.
    pub(crate) fn merge(
        mut group: PublicGroup,
        staged: StagedCommit,
    ) -> Result<Self, SnapshotError> {
        let records = Records::default();
        group
            .merge_commit(&records, staged)
            .map_err(|_| SnapshotError::Damaged)?;
        Self::of(records.into_entries()?)
    }

    /// Takes the records that OpenMLS wrote.
    pub(crate) fn of(entries: records::Entries) -> Result<Self, SnapshotError> {
        let context: GroupContext = entries.read(records::CONTEXT)?;
        let group_id = GroupId::try_from(context.group_id().as_slice());
        Ok(Self {
            group_id: group_id.map_err(|_| SnapshotError::Foreign)?,
            epoch: Epoch(context.epoch().as_u64()),
            suite: Suite::of(context.ciphersuite()).ok_or(SnapshotError::Foreign)?,
            entries: Arc::new(entries),
        })
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("group_id", &self.group_id)
            .field("epoch", &self.epoch)
            .field("suite", &self.suite)
            .finish_non_exhaustive()
    }
}
