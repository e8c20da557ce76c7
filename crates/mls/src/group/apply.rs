//! Applying a commit that the log has delivered: an other's, or the own one.

use openmls::prelude::{ProcessedMessageContent, ProtocolMessage};
use thiserror::Error;

use super::Group;
use crate::{
    bundle::CommitBundle,
    judge::{self, Case, CommitEffect, Decision, JudgeError},
};

/// A commit that the device has applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    pub effect: CommitEffect,
    /// The commit removed this device: the group is read-only from here on.
    pub removed_self: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ApplyError {
    /// The judge's word, on the same state and with the same function as the server's.
    #[error(transparent)]
    Judge(#[from] JudgeError),
    /// It passes the judge, but not what only members can see: the device is to object.
    #[error("the accepted commit cannot be applied: its secrets or tags do not fit")]
    CannotApply,
    /// It is this device's own, but the pending one is another or gone: the store is older than
    /// the log.
    #[error("the accepted commit is this device's own, but its secrets are gone")]
    OwnCommitLost,
}

impl Group {
    /// Judges a commit, then applies it. After an error the group is to be reverted.
    ///
    /// The own commit is given as it was submitted: the log delivers only its header and digest.
    pub fn apply_commit(&mut self, case: &Case<'_>) -> Result<Applied, ApplyError> {
        let decision = judge::decide(self.mls.public_group(), case)?;
        if decision.effect.committer.index.0 == self.mls.own_leaf_index().u32() {
            self.merge_own(&decision)?;
        } else {
            self.merge_other(case.bundle)?;
        }
        self.senders.clear();
        Ok(Applied {
            effect: decision.effect,
            removed_self: !self.is_active(),
        })
    }

    fn merge_own(&mut self, decision: &Decision) -> Result<(), ApplyError> {
        let pending = self.mls.pending_commit().ok_or(ApplyError::OwnCommitLost)?;
        // The context holds the transcript hash, so it names exactly one commit.
        if pending.group_context() != decision.staged.group_context() {
            return Err(ApplyError::OwnCommitLost);
        }
        self.mls
            .merge_pending_commit(&self.provider)
            .map_err(|_| ApplyError::CannotApply)
    }

    fn merge_other(&mut self, bundle: &CommitBundle) -> Result<(), ApplyError> {
        let message = judge::parse_commit(&bundle.commit).map_err(JudgeError::from)?;
        let processed = self
            .mls
            .process_message(&self.provider, ProtocolMessage::from(message))
            .map_err(|_| ApplyError::CannotApply)?;
        let ProcessedMessageContent::StagedCommitMessage(staged) = processed.into_content() else {
            return Err(ApplyError::CannotApply);
        };
        self.mls
            .merge_staged_commit(&self.provider, *staged)
            .map_err(|_| ApplyError::CannotApply)
    }
}
