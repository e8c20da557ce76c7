//! One judge, used by the fold and by every client.
//!
//! Whether a commit counts is a function of its arguments alone: version, public state of the
//! group, control state, header, bundle, append time. It checks what the public state shows:
//! signatures and structure (OpenMLS), the certificate of every new leaf, roles and policy, sizes,
//! lifetimes, one welcome per added leaf, who may be removed. What no server can see (confirmation
//! tag, membership tag, path ciphertexts) is checked by members alone; a commit that passes here
//! and fails there is answered by an `objection`.

mod adds;
mod context_change;
mod genesis;
mod refusal;
mod removes;
mod welcomes;

pub(crate) use genesis::parse_group_info;
pub use genesis::{AcceptedGenesis, judge_genesis};
pub use refusal::{JudgeError, Refusal};

use openmls::prelude::{
    ContentType, MlsMessageBodyIn, MlsMessageIn, ProcessedMessage, ProcessedMessageContent,
    Proposal, PublicGroup, PublicMessageIn, Sender, StagedCommit,
};
use openmls_rust_crypto::RustCrypto;
use tls_codec::Deserialize as _;
use xchat_crypto::derive;
use xchat_types::{
    Epoch, Header, JudgeVersion, KeyPackageRef, Millis, RecordKind, WelcomeRef, limits,
};

use crate::{
    binding::header_binding,
    bundle::CommitBundle,
    control::ControlState,
    credential::{self, Leaf, LeafIndex},
    extensions::{self, Extensions},
    snapshot::{Snapshot, SnapshotError},
    suite::Suite,
    wire::WelcomeBytes,
};

/// The rules of this build. A conversation keeps the version it has until a record of its own
/// changes it.
pub const CURRENT: JudgeVersion = JudgeVersion(1);

/// A commit bundle in its place in the conversation.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// Of the conversation.
    pub version: JudgeVersion,
    pub header: &'a Header,
    /// Before this record.
    pub control: &'a ControlState,
    pub bundle: &'a CommitBundle,
    /// Of this record in the log.
    pub appended_at: Millis,
}

/// A commit that counts.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The public state of the epoch that it begins.
    pub next: Snapshot,
    pub effect: CommitEffect,
}

/// What an accepted commit does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitEffect {
    pub committer: Leaf,
    /// In the order of the commit.
    pub added: Vec<Added>,
    pub removed: Vec<Leaf>,
    /// The control state after it: departures whose leaves are gone are done.
    pub control: ControlState,
    /// Where the commit changes them.
    pub extensions: Option<Extensions>,
    /// The epoch that it begins.
    pub epoch: Epoch,
}

/// A leaf that a commit adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    pub leaf: Leaf,
    /// Whether its account had a leaf already. If not, the device is invited.
    pub known_account: bool,
    pub key_package: KeyPackageRef,
    /// SHA-256("xchat-welcome-v1" ‖ MLS group id ‖ epoch ‖ MLS key package reference): other than
    /// the reference itself it is unique also for a last-resort package.
    pub welcome_ref: WelcomeRef,
    /// The bundle's welcome with this device's secret alone.
    pub welcome: WelcomeBytes,
}

/// Judges a commit bundle against the state before it. Never panics, whatever the bundle holds.
pub fn judge(snapshot: &Snapshot, case: &Case<'_>) -> Result<Accepted, JudgeError> {
    let group = snapshot.load()?;
    let Decision { staged, effect } = decide(&group, case)?;
    let next = Snapshot::merge(group, staged)?;
    Ok(Accepted { next, effect })
}

#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) staged: StagedCommit,
    pub(crate) effect: CommitEffect,
}

/// What the rules look at beside the commit itself.
struct Scene<'a> {
    case: &'a Case<'a>,
    suite: Suite,
    extensions: Extensions,
    /// Before the commit, in index order. Each was verified when it came in.
    leaves: Vec<Leaf>,
    committer: Leaf,
}

/// The judge's decision, for whoever holds the public group itself: a client.
pub(crate) fn decide(group: &PublicGroup, case: &Case<'_>) -> Result<Decision, JudgeError> {
    if case.version != CURRENT {
        return Err(JudgeError::UnknownVersion(case.version));
    }
    let message = check_frame(group, case)?;
    let processed = group
        .process_message(&RustCrypto::default(), message)
        .map_err(|_| Refusal::Invalid)?;
    let scene = set_scene(group, case, &processed)?;
    let ProcessedMessageContent::StagedCommitMessage(staged) = processed.into_content() else {
        return Err(Refusal::Malformed.into());
    };
    let effect = scene.rule(&staged)?;
    Ok(Decision {
        staged: *staged,
        effect,
    })
}

/// Sizes, and that header, commit and group speak of the same epoch of the same group.
fn check_frame(group: &PublicGroup, case: &Case<'_>) -> Result<PublicMessageIn, Refusal> {
    let header = case.header;
    if case.bundle.size() > limits::MAX_HANDSHAKE_BYTES {
        return Err(Refusal::TooLarge);
    }
    let group_id = derive::group_id(&header.conversation, header.incarnation);
    if header.kind != RecordKind::CommitBundle || group.group_id().as_slice() != group_id.as_ref() {
        return Err(Refusal::Header);
    }
    let message = parse_commit(&case.bundle.commit)?;
    if *message.group_id() != *group.group_id() || message.epoch().as_u64() != header.epoch.0 {
        return Err(Refusal::Header);
    }
    match header.epoch.0.cmp(&group.group_context().epoch().as_u64()) {
        std::cmp::Ordering::Less => Err(Refusal::StaleEpoch),
        std::cmp::Ordering::Greater => Err(Refusal::FutureEpoch),
        std::cmp::Ordering::Equal => Ok(message),
    }
}

/// A public message with a commit by a member: nothing else may be in a bundle.
pub(crate) fn parse_commit(bytes: &[u8]) -> Result<PublicMessageIn, Refusal> {
    let message = MlsMessageIn::tls_deserialize_exact(bytes).map_err(|_| Refusal::Malformed)?;
    let MlsMessageBodyIn::PublicMessage(message) = message.extract() else {
        return Err(Refusal::Malformed);
    };
    if message.content_type() != ContentType::Commit {
        return Err(Refusal::Malformed);
    }
    match message.sender() {
        Sender::Member(_) => Ok(message),
        Sender::External(_) | Sender::NewMemberProposal | Sender::NewMemberCommit => {
            Err(Refusal::NotByMember)
        }
    }
}

/// Finds the committer and that the header is its own word.
fn set_scene<'a>(
    group: &PublicGroup,
    case: &'a Case<'a>,
    processed: &ProcessedMessage,
) -> Result<Scene<'a>, JudgeError> {
    let Sender::Member(index) = processed.sender() else {
        return Err(Refusal::NotByMember.into());
    };
    let node = group.leaf(*index).ok_or(Refusal::Invalid)?;
    let committer = credential::verify_node(LeafIndex(index.u32()), node)
        .map_err(|cause| JudgeError::Corrupt(cause.into()))?;
    if committer.device != case.header.sender || processed.aad() != header_binding(case.header) {
        return Err(Refusal::Header.into());
    }
    if case.control.has_departed(&committer.device) {
        return Err(Refusal::NotMember.into());
    }
    let context = group.group_context();
    Ok(Scene {
        case,
        suite: Suite::of(group.ciphersuite()).ok_or(SnapshotError::Foreign)?,
        extensions: extensions::read(context.extensions()).map_err(SnapshotError::Extensions)?,
        leaves: credential::read_members(group.members()).map_err(SnapshotError::Leaf)?,
        committer,
    })
}

impl Scene<'_> {
    /// The rules beyond RFC 9420, in a fixed order.
    fn rule(&self, staged: &StagedCommit) -> Result<CommitEffect, Refusal> {
        check_proposals(staged)?;
        self.check_update_path(staged)?;
        let removed = self.rule_on_removes(staged)?;
        let arrivals = self.rule_on_adds(staged, &removed)?;
        let extensions = self.rule_on_context(staged)?;
        let epoch = Epoch(staged.group_context().epoch().as_u64());
        let added = self.rule_on_welcomes(&arrivals, epoch)?;
        Ok(CommitEffect {
            committer: self.committer,
            added,
            control: self.case.control.without(&removed),
            removed,
            extensions,
            epoch,
        })
    }

    /// A committer renews its keys, never who it is.
    fn check_update_path(&self, staged: &StagedCommit) -> Result<(), Refusal> {
        let Some(node) = staged.update_path_leaf_node() else {
            return Ok(());
        };
        if credential::verify_node(self.committer.index, node)? == self.committer {
            Ok(())
        } else {
            Err(Refusal::IdentityChanged)
        }
    }
}

/// Adds, removes and changes of the group context; no pre-shared keys, no re-initialisation,
/// nothing that is not of RFC 9420.
fn check_proposals(staged: &StagedCommit) -> Result<(), Refusal> {
    let allowed = staged.queued_proposals().all(|queued| {
        matches!(
            queued.proposal(),
            Proposal::Add(_) | Proposal::Remove(_) | Proposal::GroupContextExtensions(_)
        )
    });
    if allowed {
        Ok(())
    } else {
        Err(Refusal::Proposal)
    }
}
