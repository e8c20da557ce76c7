//! Entering a group by a welcome (RFC 9420, section 12.4.3.1) and the server's ratchet tree.

use openmls::prelude::{MlsMessageBodyIn, MlsMessageIn, RatchetTreeIn, StagedWelcome, Welcome};
use thiserror::Error;
use tls_codec::Deserialize as _;
use xchat_crypto::derive;
use xchat_types::{ConversationId, Incarnation};

use super::{Group, config};
use crate::{
    credential::{self, CredentialError, Leaf},
    device::Device,
    extensions::{self, ExtensionError},
    key_packages::KeyPackages,
    store::Provider,
    suite::Suite,
    wire::{RatchetTreeBytes, WelcomeBytes},
};

/// An invitation as it is handed to the device, with the tree of the epoch that it joins.
#[derive(Clone, Copy, Debug)]
pub struct Invitation<'a> {
    pub conversation: ConversationId,
    pub incarnation: Incarnation,
    pub welcome: &'a WelcomeBytes,
    pub tree: &'a RatchetTreeBytes,
}

/// Why a welcome does not lead into a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum JoinError {
    #[error("the welcome or the tree is malformed")]
    Malformed,
    /// Its key package was used before, or is another device's, or the tree is of another epoch.
    #[error("the welcome cannot be opened with this device's key packages and this tree")]
    CannotOpen,
    #[error("the welcome is for another conversation than it says")]
    OtherGroup,
    #[error("the group is not one of ours")]
    Foreign,
    #[error("a member's leaf does not verify: {0}")]
    Credential(#[from] CredentialError),
    #[error("the group's extensions are not as they must be: {0}")]
    Extensions(#[from] ExtensionError),
}

impl Group {
    /// Opens a welcome. The one-time package it was made for is used up; on an error nothing has
    /// changed.
    ///
    /// Every leaf of the tree is verified here, for all that a device knows of a group before it
    /// joins is the word of others. Lifetimes of leaves are not looked at: they were judged when
    /// each was added.
    pub fn join(
        packages: &mut KeyPackages,
        device: &Device,
        invitation: &Invitation<'_>,
    ) -> Result<Self, JoinError> {
        let (welcome, tree) = parse(invitation)?;
        let mut rows = packages.lend();
        let aside = rows.set_aside();
        let mut provider = Provider::with_packages(rows);
        let joined = stage(&provider, welcome, tree).and_then(|staged| {
            check(&staged, device, invitation)?;
            staged
                .into_group(&provider)
                .map_err(|_| JoinError::CannotOpen)
        });
        let mut rows = std::mem::take(provider.packages());
        if joined.is_err() {
            rows.revert();
        }
        rows.rejoin(aside);
        packages.give_back(rows);
        Ok(Self::new(
            joined?,
            provider,
            invitation.conversation,
            invitation.incarnation,
        ))
    }
}

fn parse(invitation: &Invitation<'_>) -> Result<(Welcome, RatchetTreeIn), JoinError> {
    let message = MlsMessageIn::tls_deserialize_exact(invitation.welcome.as_bytes())
        .map_err(|_| JoinError::Malformed)?;
    let MlsMessageBodyIn::Welcome(welcome) = message.extract() else {
        return Err(JoinError::Malformed);
    };
    let tree = RatchetTreeIn::tls_deserialize_exact(invitation.tree.as_bytes())
        .map_err(|_| JoinError::Malformed)?;
    Ok((welcome, tree))
}

fn stage(
    provider: &Provider,
    welcome: Welcome,
    tree: RatchetTreeIn,
) -> Result<StagedWelcome, JoinError> {
    let builder = StagedWelcome::build_from_welcome(provider, &config::joining(), welcome)
        .map_err(|_| JoinError::CannotOpen)?;
    if !builder.processed_welcome().psks().is_empty() {
        return Err(JoinError::Foreign);
    }
    builder
        .with_ratchet_tree(tree)
        .skip_lifetime_validation()
        .build()
        .map_err(|_| JoinError::CannotOpen)
}

fn check(
    staged: &StagedWelcome,
    device: &Device,
    invitation: &Invitation<'_>,
) -> Result<(), JoinError> {
    let context = staged.group_context();
    let group_id = derive::group_id(&invitation.conversation, invitation.incarnation);
    if context.group_id().as_slice() != group_id.as_ref() {
        return Err(JoinError::OtherGroup);
    }
    let suite = Suite::of(context.ciphersuite()).ok_or(JoinError::Foreign)?;
    let extensions = extensions::read(context.extensions())?;
    let leaves = credential::verify_members(staged.members())?;
    let own = staged.own_leaf_index().u32();
    let mine = |leaf: &Leaf| leaf.index.0 == own && leaf.device == device.id();
    let outsider = |leaf: &Leaf| {
        let direct = extensions.direct.as_ref();
        direct.is_some_and(|direct| !direct.contains(&leaf.account))
    };
    let lawful = leaves.len() <= suite.max_leaves() && !leaves.iter().any(outsider);
    if lawful && leaves.iter().any(mine) {
        Ok(())
    } else {
        Err(JoinError::Foreign)
    }
}
