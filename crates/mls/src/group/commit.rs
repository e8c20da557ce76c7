//! Making a commit. It stays pending until the log delivers it, or refuses it.

use openmls::prelude::{
    CommitMessageBundle, Extensions as MlsExtensions, GroupContext, KeyPackage, LeafNodeIndex,
};
use openmls_traits::OpenMlsProvider as _;
use thiserror::Error;
use xchat_types::{Header, RecordKind};

use super::Group;
use crate::{
    binding::header_binding,
    bundle::CommitBundle,
    credential::LeafIndex,
    device::Device,
    extensions::{self, Extensions, Policy},
    key_package::{self, KeyPackageError},
    wire::KeyPackageBytes,
};

/// What a commit does beside renewing the committer's keys. Empty: an update.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    pub add: Vec<KeyPackageBytes>,
    pub remove: Vec<LeafIndex>,
    pub policy: Option<Policy>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CommitError {
    #[error("the header is not of a commit by this device in this epoch of the group")]
    Header,
    #[error("a commit of this group is still in flight")]
    Pending,
    #[error("this device is no longer in the group")]
    Removed,
    #[error("a key package cannot be added: {0}")]
    KeyPackage(#[from] KeyPackageError),
    #[error("a key package is of another suite than the group")]
    Suite,
    #[error("the commit could not be made")]
    Failed,
}

impl Group {
    /// Makes a commit under a header that already holds counter and creation time, to which it is
    /// bound. It takes effect when [`Group::apply_commit`] is given it back from the log.
    pub fn commit(
        &mut self,
        device: &Device,
        header: &Header,
        change: &Change,
    ) -> Result<CommitBundle, CommitError> {
        if !self.is_active() {
            return Err(CommitError::Removed);
        }
        if self.has_pending_commit() {
            return Err(CommitError::Pending);
        }
        let here = self.is_of(header) && header.epoch == self.epoch();
        let own = header.sender == device.id() && header.kind == RecordKind::CommitBundle;
        if !here || !own {
            return Err(CommitError::Header);
        }
        let packages = self.open_packages(header, &change.add)?;
        let extensions = self.changed_extensions(change)?;
        self.mls.set_aad(header_binding(header));
        let removed = change
            .remove
            .iter()
            .map(|index| LeafNodeIndex::new(index.0));
        let mut builder = self
            .mls
            .commit_builder()
            .force_self_update(true)
            .propose_adds(packages)
            .propose_removals(removed);
        if let Some(extensions) = extensions {
            builder = builder
                .propose_group_context_extensions(extensions)
                .map_err(|_| CommitError::Failed)?;
        }
        let (rand, crypto) = (self.provider.rand(), self.provider.crypto());
        let made = builder
            .load_psks(self.provider.storage())
            .map_err(|_| CommitError::Failed)?
            .build(rand, crypto, device, |_| true)
            .map_err(|_| CommitError::Failed)?
            .stage_commit(&self.provider)
            .map_err(|_| CommitError::Failed)?;
        bundle(&made).ok_or(CommitError::Failed)
    }

    /// Drops the pending commit, which was refused or lost to another.
    pub fn clear_pending_commit(&mut self) -> Result<(), CommitError> {
        self.mls
            .clear_pending_commit(self.provider.storage())
            .map_err(|_| CommitError::Failed)
    }

    fn open_packages(
        &self,
        header: &Header,
        packages: &[KeyPackageBytes],
    ) -> Result<Vec<KeyPackage>, CommitError> {
        packages
            .iter()
            .map(|bytes| {
                let (package, verified) = key_package::open(bytes, header.created_at)?;
                if self.suite() == Some(verified.suite) {
                    Ok(package)
                } else {
                    Err(CommitError::Suite)
                }
            })
            .collect()
    }

    fn changed_extensions(
        &self,
        change: &Change,
    ) -> Result<Option<MlsExtensions<GroupContext>>, CommitError> {
        let Some(policy) = &change.policy else {
            return Ok(None);
        };
        let current = self.extensions().map_err(|_| CommitError::Failed)?;
        let changed = Extensions {
            policy: policy.clone(),
            ..current
        };
        extensions::write(&changed)
            .map(Some)
            .map_err(|_| CommitError::Failed)
    }
}

fn bundle(made: &CommitMessageBundle) -> Option<CommitBundle> {
    let welcome = match made.to_welcome_msg() {
        Some(welcome) => Some(welcome.to_bytes().ok()?),
        None => None,
    };
    Some(CommitBundle {
        commit: made.commit().to_bytes().ok()?,
        welcome,
    })
}
