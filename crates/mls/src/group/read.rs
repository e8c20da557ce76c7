//! What a group says of itself.

use openmls_traits::OpenMlsProvider as _;
use thiserror::Error;
use xchat_crypto::PublicKey;
use xchat_types::{AccountId, ConversationId, Epoch, Incarnation};
use zeroize::Zeroizing;

use super::Group;
use crate::{
    credential::{self, CredentialError, Leaf, LeafIndex},
    extensions::{self, ExtensionError, Extensions},
    suite::Suite,
    wire::EpochAuthenticator,
};

/// No secret can be exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no secret can be exported from the group")]
pub struct ExportError;

impl Group {
    pub const fn conversation(&self) -> ConversationId {
        self.conversation
    }

    pub const fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    pub fn epoch(&self) -> Epoch {
        Epoch(self.mls.epoch().as_u64())
    }

    /// `None` only if the store holds a group that is none of ours.
    pub fn suite(&self) -> Option<Suite> {
        Suite::of(self.mls.ciphersuite())
    }

    /// In index order. Each was verified when it came in.
    pub fn members(&self) -> Result<Vec<Leaf>, CredentialError> {
        credential::read_members(self.mls.members())
    }

    /// Root key of an account that has a leaf: what people compare as the safety number.
    pub fn root_of(&self, account: &AccountId) -> Option<PublicKey> {
        let mut members = self.mls.members();
        members.find_map(|member| credential::read_root(&member, account))
    }

    pub fn own_index(&self) -> LeafIndex {
        LeafIndex(self.mls.own_leaf_index().u32())
    }

    pub fn extensions(&self) -> Result<Extensions, ExtensionError> {
        extensions::read(self.mls.extensions())
    }

    /// Equal on all members of the epoch.
    pub fn epoch_authenticator(&self) -> EpochAuthenticator {
        EpochAuthenticator::from(self.mls.epoch_authenticator().as_slice().to_vec())
    }

    /// A secret of the epoch that members alone can derive (RFC 9420, section 8.5).
    pub fn export(
        &self,
        label: &str,
        context: &[u8],
        length: usize,
    ) -> Result<Zeroizing<Vec<u8>>, ExportError> {
        self.mls
            .export_secret(self.provider.crypto(), label, context, length)
            .map(Zeroizing::new)
            .map_err(|_| ExportError)
    }

    pub fn has_pending_commit(&self) -> bool {
        self.mls.pending_commit().is_some()
    }

    /// Whether this device is still a member.
    pub fn is_active(&self) -> bool {
        self.mls.is_active()
    }
}
