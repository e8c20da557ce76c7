//! The first record of a conversation: one leaf, which is its sender's.

use openmls::{
    messages::group_info::VerifiableGroupInfo,
    prelude::{
        LeafNode, MlsMessageBodyIn, MlsMessageIn, ProposalStore, PublicGroup, RatchetTreeIn,
    },
    treesync::LeafNodeSource,
};
use openmls_rust_crypto::RustCrypto;
use tls_codec::Deserialize as _;
use xchat_crypto::derive;
use xchat_types::{
    AccountId, Epoch, Header, Incarnation, JudgeVersion, Millis, RecordKind, limits,
};

use super::{CURRENT, JudgeError, Refusal};
use crate::{
    bundle::Genesis,
    credential::{self, Leaf, LeafIndex},
    extensions::{self, Extensions, Role},
    lifetime,
    snapshot::{Records, Snapshot},
    suite::Suite,
};

/// A genesis that counts.
#[derive(Clone, Debug)]
pub struct AcceptedGenesis {
    pub snapshot: Snapshot,
    pub creator: Leaf,
    pub extensions: Extensions,
}

/// Judges the genesis of incarnation 0; that of a later one exists only inside a `reset`.
///
/// The group info's external key is of no use to anybody: external commits are refused.
pub fn judge_genesis(
    version: JudgeVersion,
    header: &Header,
    genesis: &Genesis,
    appended_at: Millis,
) -> Result<AcceptedGenesis, JudgeError> {
    if version != CURRENT {
        return Err(JudgeError::UnknownVersion(version));
    }
    let first = header.kind == RecordKind::Genesis && header.epoch == Epoch(0);
    if !first || header.incarnation != Incarnation(0) {
        return Err(Refusal::Header.into());
    }
    if genesis.size() > limits::MAX_HANDSHAKE_BYTES {
        return Err(Refusal::TooLarge.into());
    }
    let group_info = parse_group_info(&genesis.group_info)?;
    check_group_info(header, &group_info)?;
    let records = Records::default();
    let (group, _) = PublicGroup::from_external(
        &RustCrypto::default(),
        &records,
        parse_tree(&genesis.tree)?,
        group_info,
        ProposalStore::new(),
    )
    .map_err(|_| Refusal::Invalid)?;
    let (creator, extensions) = check_creator(header, &group, appended_at)?;
    let entries = records.into_entries().map_err(|_| Refusal::Invalid)?;
    Ok(AcceptedGenesis {
        snapshot: Snapshot::of(entries)?,
        creator,
        extensions,
    })
}

pub(crate) fn parse_group_info(bytes: &[u8]) -> Result<VerifiableGroupInfo, Refusal> {
    let message = MlsMessageIn::tls_deserialize_exact(bytes).map_err(|_| Refusal::Malformed)?;
    let MlsMessageBodyIn::GroupInfo(group_info) = message.extract() else {
        return Err(Refusal::Malformed);
    };
    Ok(group_info)
}

fn check_group_info(header: &Header, group_info: &VerifiableGroupInfo) -> Result<(), Refusal> {
    let group_id = derive::group_id(&header.conversation, header.incarnation);
    if group_info.group_id().as_slice() != group_id.as_ref() {
        return Err(Refusal::Header);
    }
    let context = group_info.group_context();
    let fresh = context.epoch().as_u64() == 0 && context.confirmed_transcript_hash().is_empty();
    if fresh && Suite::of(context.ciphersuite()).is_some() {
        Ok(())
    } else {
        Err(Refusal::Genesis)
    }
}

/// A tree of exactly one node.
fn parse_tree(bytes: &[u8]) -> Result<RatchetTreeIn, Refusal> {
    let tree = RatchetTreeIn::tls_deserialize_exact(bytes).map_err(|_| Refusal::Malformed)?;
    if tree.leaves().count() == 1 && tree.nodes().count() == 1 {
        Ok(tree)
    } else {
        Err(Refusal::Genesis)
    }
}

fn check_creator(
    header: &Header,
    group: &PublicGroup,
    appended_at: Millis,
) -> Result<(Leaf, Extensions), Refusal> {
    let (index, node) = group
        .treesync()
        .full_leaves()
        .next()
        .ok_or(Refusal::Genesis)?;
    let creator = credential::verify_node(LeafIndex(index.u32()), node)?;
    if creator.device != header.sender {
        return Err(Refusal::Header);
    }
    check_lifetime(node, appended_at)?;
    let extensions = extensions::read(group.group_context().extensions())?;
    let owner = |account: &AccountId| extensions.policy.role(account) == Role::Owner;
    let owned = owner(&creator.account)
        && extensions.direct.is_none_or(|direct| {
            direct.contains(&creator.account) && direct.accounts().iter().all(owner)
        });
    if owned {
        Ok((creator, extensions))
    } else {
        Err(Refusal::NoOwner)
    }
}

/// The creator's leaf is the one in a tree that may hold a lifetime without having been added.
fn check_lifetime(node: &LeafNode, appended_at: Millis) -> Result<(), Refusal> {
    match node.leaf_node_source() {
        LeafNodeSource::KeyPackage(lifetime) if lifetime::is_lawful(lifetime, appended_at) => {
            Ok(())
        }
        LeafNodeSource::KeyPackage(_) => Err(Refusal::Lifetime),
        LeafNodeSource::Update | LeafNodeSource::Commit(_) => Err(Refusal::Genesis),
    }
}
